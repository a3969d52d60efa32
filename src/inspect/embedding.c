/* The page's embedding: the rows of the tokens, the positions, and the tokens whose rows point in like directions. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "inspect/inspect.h"
#include "inspect/project.h"
#include "math/vector.h"

static const real *table_of(const Observation *o, bool target) {
    const Parameters *params = &o->file->params;
    return o->pass.net.w + (target ? params->decoder_embedding : params->encoder_embedding);
}

static void write_rows(Json *j, const char *key, const real *table, const int32_t *ids, size_t n, size_t D) {
    real *rows = memory_new(n, D * sizeof *rows);
    for (size_t i = 0; i < n; i++) vector_copy(rows + i * D, table + (size_t)ids[i] * D, D);
    json_array(json_key(j, key), 0, n, D, rows, D);
    free(rows);
}

/* The tokens of largest cosine with this one, itself left out, of equals the lower. */
static void write_near(Json *j, const Observation *o, const real *table, int32_t id) {
    const size_t V = o->file->params.hyper.vocab, D = o->file->params.hyper.width;
    int32_t near[INSPECT_NEIGHBOURS];
    double cosines[INSPECT_NEIGHBOURS];
    size_t count = 0;
    for (size_t v = 0; v < V; v++) {
        if (v == (size_t)id) continue;
        const double cosine = row_cosine(table + v * D, table + (size_t)id * D, D);
        count = inspect_insert(near, cosines, count, INSPECT_NEIGHBOURS, (int32_t)v, cosine);
    }
    json_write(j, "near: [");
    for (size_t i = 0; i < count; i++) {
        json_write(j, "{");
        inspect_write_token(j, o->tokenizer, near[i]);
        json_write(j, "cosine: %f}", cosines[i]);
    }
    json_write(j, "]");
}

static void write_neighbours(Json *j, const Observation *o, bool target) {
    const size_t n = target ? o->T : o->S;
    const int32_t *ids = target ? o->target : o->source;
    const real *table = table_of(o, target);
    for (size_t i = 0; i < n; i++) {
        size_t before = 0;
        while (ids[before] != ids[i]) before++;
        if (before < i) continue;
        json_write(j, "{");
        inspect_write_token(j, o->tokenizer, ids[i]);
        json_write(j, "side: %s", target ? "target" : "source");
        write_near(j, o, table, ids[i]);
        json_write(j, "}");
    }
}

/* The first positions, and their mean dot product at each distance; null: there are none. */
static void write_positions(Json *j, const Observation *o) {
    const size_t D = o->file->params.hyper.width;
    size_t n;
    PositionTable room = {0};
    const real *positions = observation_places(o, &room, INSPECT_POSITIONS, &n);
    if (!positions) {
        json_write(j, "positions: null");
        return;
    }
    real *dots = memory_new(n, sizeof *dots);
    for (size_t distance = 0; distance < n; distance++) {
        double sum = 0;
        for (size_t i = 0; i + distance < n; i++)
            sum += (double)vector_dot(positions + i * D, positions + (i + distance) * D, D);
        dots[distance] = (real)(sum / (double)(n - distance));
    }
    json_write(j, "positions: {");
    json_array(json_key(j, "picture"), 0, n, D, positions, D);
    json_array(json_key(j, "dots"), 0, 0, n, dots, n);
    json_write(j, "}");
    free(dots);
    free(room.table);
}

void inspect_write_embedding(Json *j, const Observation *o) {
    const size_t D = o->file->params.hyper.width, n = o->S > o->T ? o->S : o->T;
    const real *encoder = pass_positions(&o->pass, STACK_ENCODER), *decoder = pass_positions(&o->pass, STACK_DECODER);
    real *zeros = memory_new(n, D * sizeof *zeros); /* what is added where there are no positions */
    json_write(j, "embedding: {scale: %g", (double)(real)sqrt((double)D));
    write_rows(j, "source", table_of(o, false), o->source, o->S, D);
    write_rows(j, "target", table_of(o, true), o->target, o->T, D);
    json_array(json_key(j, "source_positions"), 0, n, D, encoder ? encoder : zeros, D);
    json_array(json_key(j, "target_positions"), 0, n, D, decoder == encoder ? NULL : decoder, D);
    json_write(j, "}");
    free(zeros);
    write_positions(j, o);
    json_write(j, "neighbours: [");
    write_neighbours(j, o, false);
    write_neighbours(j, o, true);
    json_write(j, "]");
}
