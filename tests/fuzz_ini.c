/* Any text as a config: bound or refused; a bound one written out and read again is the same. */
#include "base/ini.h"
#include "fuzz.h"
#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err;
    Config config = {0};
    Field *fields = config_fields();
    Ini *ini = ini_parse("fuzz.ini", (const char *)data, size, &err);
    const bool ok = ini && ini_bind(ini, fields, &config, &err);
    ini_free(ini);
    free(fields);
    if (!ok) {
        fuzz_message(err.text);
        return 0;
    }
    char *text = config_text(&config);
    if (!config_may_resume(&config, text, true, "fuzz.ini", &err)) {
        puts(err.text);
        CHECK(false, "a config may resume what it began itself");
    }
    free(text);
    config_free(&config);
    return 0;
}
