/* Whether this process is one of several that mpirun started. There are two files for this header: launch_mpi.c, which
 * is the only one that knows of MPI (make MPI=1), and launch_alone.c, for which there is one process. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "train/ranks.h"

/* Fills in ranks, whose count is 1 for a process alone. It must stay where it is. Fails when several were started that
 * cannot train together. Once it has succeeded, call launch_end. */
bool launch_begin(Ranks *ranks, Error *err);

/* Ends what launch_begin began, before the process ends with this code. When the ranks are lost, it ends the others. */
void launch_end(Ranks *ranks, int code);
