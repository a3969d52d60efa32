/* The program's version, as --version and a run's report show it. */
#pragma once

#define NMT_VERSION "0.1.0"
