/* What all parts of a run share: the files in its folder, and its status. */
#pragma once

/* Config.files has their paths. */
typedef enum RunFile {
    RUN_MODEL,  /* model.gguf: the best model so far */
    RUN_LAST,   /* last.gguf: the state to continue from (train/checkpoint.h) */
    RUN_BACK,   /* back.gguf: the last.gguf of the last validation, when a stop saved a later one */
    RUN_LOG,    /* log.jsonl (train/log.h) */
    RUN_FILM,   /* film.jsonl (train/film.h) */
    RUN_REPORT, /* report.html (train/report.h) */
    RUN_CACHE,  /* train.cache (data/cache.h) */
    RUN_LOCK,   /* lock: held by the process that trains here */
    RUN_FILES
} RunFile;

typedef enum RunStatus {
    RUN_RUNNING,
    RUN_FINISHED, /* max_steps or max_epochs */
    RUN_STALLED,  /* valid.patience */
    RUN_STOPPED,  /* by a signal: saved, and the same command continues */
    RUN_UNSAVED,  /* ended in one of these ways, but the last save failed */
    RUN_FAILED,   /* what was saved before stays */
} RunStatus;
