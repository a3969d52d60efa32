/* Any bytes as a model file: opened and used, or refused; with its checksum mended, which no accident would get past.
 */
#include "base/checksum.h"
#include "base/ds.h"
#include "decode/modelfile.h"
#include "fuzz.h"
#include "gguf/gguf.h"
#include "text/tokenizer.h"

static void mend_checksum(uint8_t *data, size_t size) {
    const size_t length = strlen(GGUF_CHECKSUM_KEY), type = 4, value = 8;
    uint8_t *key = memmem(data, size, GGUF_CHECKSUM_KEY, length);
    if (!key || (size_t)(data + size - key) < length + type + value) return;
    uint8_t *at = key + length + type;
    memset(at, 0, value);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, data, size);
    const uint64_t found = checksum_end(&sum);
    memcpy(at, &found, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err;
    ModelFile file;
    int descriptor;
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, data, size);
    mend_checksum(copy, size);
    const char *path = fuzz_file(&descriptor, copy, size);
    free(copy);
    if (modelfile_open(&file, path, &err)) {
        float sum = 0;
        for (size_t i = 0; i < file.params.count; i++) sum += file.w[i];
        if (sum > 1e38f) putchar('\0'); /* what was read has to be there */
        UnseenWord *unseen = NULL;      /* stb_ds arrays */
        char *text = NULL;
        words_unseen(&unseen, &text, file.info.seen, (Text){path, strlen(path)}, file.info.text);
        stbds_arrfree(unseen);
        stbds_arrfree(text);
        Tokenizer *tokenizer = modelfile_tokenizer(&file, &err);
        if (tokenizer)
            tokenizer_free(tokenizer);
        else
            fuzz_message(err.text);
        modelfile_close(&file);
    } else {
        fuzz_message(err.text);
    }
    close(descriptor);
    return 0;
}
