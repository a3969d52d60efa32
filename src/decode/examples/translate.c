/* Translates lines of standard input:   cc translate.c $(pkg-config --cflags --libs nmt) -o translate
 *                                       ./translate model.gguf < english.txt */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <nmt.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    nmt_error err;
    nmt_model *model = NULL;
    nmt_translator *translator = NULL;
    nmt_options options;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    nmt_options_init(&options, sizeof options, NMT_HEADER);
    options.n_best = 2;
    int failed = argc != 2;
    if (failed) fprintf(stderr, "usage: translate MODEL < TEXT\n");
    failed =
        failed || nmt_open(&model, argv[1], NMT_HEADER, &err) || nmt_translator_new(&translator, model, &options, &err);
    while (!failed && (length = getline(&line, &size, stdin)) > 0) {
        const nmt_result *const *results;
        const nmt_text text = {line, (size_t)length - (line[length - 1] == '\n')};
        failed = nmt_translate(translator, &text, 1, &results, &err);
        for (size_t i = 0; !failed && i < results[0]->count; i++)
            printf("%.4f %s\n", results[0]->hypotheses[i]->score, results[0]->hypotheses[i]->text.bytes);
    }
    if (failed && argc == 2) fprintf(stderr, "%s\n", err.message);
    nmt_translator_free(translator);
    nmt_close(model);
    free(line);
    return failed;
}
