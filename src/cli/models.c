#include "cli/models.h"

#include "base/size.h"

bool models_open(Models *m, const Command *command, const char *const *paths, size_t count, Error *err) {
    *m = (Models){.count = 0};
    do {
        ModelFile *file = &m->files[m->count];
        if (!options_open_model(command, file, count > 0 ? paths[m->count] : NULL, err)) return false;
        m->count++;
        if (!modelfile_check_same_tokens(&m->files[0], file, err)) return false;
        if (m->count == 1) m->hyper = file->info.hyper;
        m->hyper.max_length = size_min(m->hyper.max_length, file->info.hyper.max_length);
    } while (m->count < count);
    return true;
}

void models_close(Models *m) {
    for (size_t i = 0; i < m->count; i++) modelfile_close(&m->files[i]);
    m->count = 0;
}
