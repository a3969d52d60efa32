#include <stdlib.h>

#include "base/size.h"
#include "train/launch.h"

/* What mpirun says to the processes that it starts, in the variables of Open MPI and of MPICH. */
bool launch_begin(Ranks *ranks, Error *err) {
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    *ranks = (Ranks){.count = 1};
    for (size_t i = 0; i < COUNT(variables); i++) {
        const char *size = getenv(variables[i]);
        if (size && atoi(size) > 1)
            return error_set(err,
                             "%s processes were started to train together, but this program was built without MPI "
                             "(make MPI=1)",
                             size);
    }
    return true;
}

void launch_end(Ranks *ranks, int code) {
    (void)ranks;
    (void)code;
}
