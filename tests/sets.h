/* Runs a test with each instruction set of this CPU. */
#pragma once

#include "math/cpu.h"
#include "testlib.h"

static inline void for_each_set(void (*test)(void)) {
    const char *const *names, *const before = cpu_instruction_set();
    const size_t sets = cpu_instruction_sets(&names);
    for (size_t s = 0; s < sets; s++) {
        EXPECT(cpu_use(names[s]));
        test();
    }
    EXPECT(cpu_use(before));
}
