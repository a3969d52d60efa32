/* CHECK: an always-on assertion for bugs in this program.
 *
 * CHECK(condition, "message") ends the process with file, line and message when the condition is false; within a call
 * into the library, only the call fails (base/scope.h). It is for what no input can cause; what a user can cause
 * (files, text, options, a full disk) comes back as an Error instead. */
#pragma once

/* "file:line: bug: message (condition)" goes to stderr before the process aborts, or to the library's caller. */
_Noreturn void check_failed(const char *file, int line, const char *condition, const char *message);

#define CHECK(condition, message)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition, message);                                       \
    } while (0)
