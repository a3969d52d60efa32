/* The program's version, as --version and a run's report show it. */
#ifndef NMT_BASE_VERSION_H
#define NMT_BASE_VERSION_H

#define NMT_VERSION "0.1.0"

#endif
