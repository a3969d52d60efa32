/* Trains, and says how far it is:   cc train.c $(pkg-config --cflags --libs nmt) -o train
 *                                   ./train configs/tiny.ini run.dir=runs/mine train.max_steps=500 */
#include <nmt.h>
#include <stdio.h>

static int show(void *context, const nmt_progress *now) {
    unsigned long long *steps = (unsigned long long *)context;
    if (now->message) return 0; /* a line that ./train would print */
    *steps = now->step;
    if (now->step % 10 == 0)
        printf("step %llu of %llu: loss %.3f\n", *steps, (unsigned long long)now->last_step, now->loss);
    return 0; /* anything else stops the training */
}

int main(int argc, char **argv) {
    nmt_error err;
    nmt_train_options options;
    unsigned long long steps = 0;

    if (argc < 2) return fprintf(stderr, "usage: train CONFIG.ini [section.key=value ...]\n"), 2;
    nmt_train_options_init(&options, sizeof options, NMT_HEADER);
    options.config = argv[1];
    options.settings = (const char *const *)(argv + 2);
    options.setting_count = (size_t)(argc - 2);
    options.progress = show;
    options.context = &steps;
    if (nmt_train(&options, &err)) return fprintf(stderr, "%s\n", err.message), 1;
    printf("done: %llu steps\n", steps);
    return 0;
}
