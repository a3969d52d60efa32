# nmt.c: `make help` lists what can be made. Needs a C11 compiler, make and stb_ds.h (Debian: libstb-dev).
#
#   make STB=/folder        the folder that has stb_ds.h, if the system does not have it
#   make CC=clang           another compiler
#   make Q=                 show the compiler's command lines
#   make VARIANT=debug      another build of the same files: release (default), debug, thread, double, fuzz, coverage
#   make CFLAGS=-march=native   options for the compiler, which come after our own; CPPFLAGS, LDFLAGS, AR and OBJCOPY
#                           are honoured, too
#   make B=/folder          build there; only web, web-test, page-test and deb write into the source's folder, too
#   make WERROR=1           a compiler's warning is an error
#   make MPI=1              a ./train for several computers at once, built in build/mpi with MPICC=mpicc

VARIANT ?= release
STB     ?=
Q       := @
CC      ?= cc
OBJCOPY ?= objcopy

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
           -Wvla -Wformat=2
CFLAGS_release := -O3
CFLAGS_debug   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_thread  := -O1 -g -fsanitize=thread
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS_coverage := -O1 --coverage
CFLAGS_double  := -O2 -DNMT_DOUBLE

# With MPI=1, ./train can run as several processes (src/README.md). MPI is in one file and one command.
MPI     ?=
MPICC   ?= mpicc
ifneq ($(MPI),)
ifeq ($(shell command -v $(firstword $(MPICC))),)
$(error MPI=$(MPI): expected $(MPICC), the compiler of an MPI, found none (Debian: libopenmpi-dev or libmpich-dev))
endif
endif

# All symbols are hidden, unless nmt.h declares them: the shared library has the same objects as the commands.
B       := build/$(if $(MPI),$(subst release-,,$(VARIANT)-mpi),$(VARIANT))
PIC     := -fPIC -fvisibility=hidden
FLAGS   := -std=c11 -D_GNU_SOURCE -Isrc $(if $(STB),-isystem "$(STB)") $(WARN) $(CFLAGS_$(VARIANT)) $(PIC) $(CPPFLAGS) \
           $(CFLAGS) -ffp-contract=off
LIBS    := -lm -pthread

# What cannot give the program that was tested is refused (src/base/exact.h does the same without make).
VARIANTS := release debug thread fuzz coverage double
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error VARIANT=$(VARIANT): expected one of: $(VARIANTS))
endif
INEXACT := $(filter -Ofast -ffast-math -ffinite-math-only -funsafe-math-optimizations -fassociative-math \
    -freciprocal-math -fno-signed-zeros -fapprox-func -ffp-model=fast -ffp-model=aggressive -fno-honor-nans \
    -fno-honor-infinities -fsingle-precision-constant -mrecip -mrecip=% -mdaz-ftz,$(CC) $(CFLAGS) $(LDFLAGS))
ifneq ($(INEXACT),)
$(error $(INEXACT): with this, the compiler may change the order of sums and lose NaN; leave it out of CFLAGS and LDFLAGS)
endif
ifneq ($(filter-out clean help format format-check layers uninstall,$(or $(MAKECMDGOALS),all)),)
MACROS := $(shell all=$$($(CC) $(CFLAGS) -dM -E -x c /dev/null) && [ "$$all" ] && printf '%s\n' "$$all" | cksum && \
    printf '%s\n' "$$all" | grep -wE '__(BYTE_ORDER|FLT_EVAL_METHOD|SIZEOF_LONG|x86_64|aarch64)__')
ifeq ($(MACROS),)
$(error CC=$(CC) CFLAGS=$(CFLAGS): expected a C compiler and options that it knows, found what the line above says)
endif
ifeq ($(findstring __BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__,$(MACROS)),)
$(error CC=$(CC) CFLAGS=$(CFLAGS): expected a compiler for a little-endian CPU, found one for another)
endif
ifeq ($(findstring __FLT_EVAL_METHOD__ 0,$(MACROS)),)
$(error CC=$(CC) CFLAGS=$(CFLAGS): expected float and double in their own precision; on 32-bit x86, add -msse2 -mfpmath=sse)
endif
# Corpora of more than 2 GiB on 32-bit computers.
FLAGS += $(if $(findstring __SIZEOF_LONG__ 4,$(MACROS)),-D_FILE_OFFSET_BITS=64)
endif

# The double build is for gradient checks. It has only the numeric code, nothing that reads or writes files of floats.
NUMERIC := base math nn model optim
FOLDERS := $(NUMERIC) $(if $(filter double,$(VARIANT)),,gguf text eval page data decode train inspect)
LIB_SRC := $(filter-out src/train/launch_$(if $(MPI),alone,mpi).c,$(sort $(wildcard $(FOLDERS:%=src/%/*.c))))
ifneq ($(VARIANT),double)
LIB_SRC += $(addprefix src/cli/,announce.c options.c unseen.c models.c print.c reranking.c scoring.c tuning.c) # shared by commands, or parts of one
PAGE_DATA := $(B)/page/pages_data.o
endif

# Loops are compiled once for each instruction set, and chosen at run time (src/math/isa.h). Of each set: the bytes of a
# vector register, the matrix product's register tile (rows, and vectors a row), and the compiler's flags.
ARCH         := $(or $(strip $(foreach a,x86_64 aarch64,$(if $(findstring __$(a)__ ,$(MACROS)),$(a)))),other)
SETS         := generic $(if $(filter x86_64,$(ARCH)),avx2 avx512) $(if $(filter aarch64,$(ARCH)),neon)
AVX512_FLAGS := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mprefer-vector-width=512
ISA_generic  := -DVECTOR=16 -DTILE_ROWS=4 -DTILE_VECTORS=2 $(if $(filter x86_64,$(ARCH)),-ffp-contract=off)
ISA_avx2     := -DVECTOR=32 -DTILE_ROWS=6 -DTILE_VECTORS=2 -mavx2 -mfma
ISA_avx512   := -DVECTOR=64 -DTILE_ROWS=14 -DTILE_VECTORS=2 $(AVX512_FLAGS)
ISA_neon     := -DVECTOR=16 -DTILE_ROWS=6 -DTILE_VECTORS=4
# Which of two products a sum is contracted with depends on the optimiser, so the level in CFLAGS is not used here.
LOOPS        := -ffp-contract=fast -fno-math-errno -fno-trapping-math $(filter -O%,$(CFLAGS_$(VARIANT)))
FLAGS        += -DSETS_$(ARCH)
LIB_OBJ := $(foreach set,$(SETS),$(patsubst src/%.c,$(B)/%.$(set).o,$(filter %/kernels.c,$(LIB_SRC)))) \
           $(patsubst src/%.c,$(B)/%.o,$(filter-out %/kernels.c,$(LIB_SRC))) $(PAGE_DATA)
# All of it, for the commands and the tests.
LIB     := $(B)/internal.a

COMMANDS := $(basename $(notdir $(wildcard $(addprefix src/cli/,train.c translate.c score.c inspect.c))))
# Tests of the release, debug and thread builds, and the gradient checks, which are built with real = double.
TESTS     := $(sort $(notdir $(basename $(wildcard tests/test_*.c))))
GRADCHECK := $(sort $(notdir $(basename $(wildcard tests/gradcheck_*.c))))

.PHONY: all always test gradcheck debug thread valgrind crash-test fault-test pipe-test fuzz coverage neon musl narrow \
        bench large check-inspect page-test install uninstall format format-check layers help clean tests micro
.SECONDARY:

# Whoever names a folder for the build has the commands there; else they are in the source's folder, too.
ELSEWHERE := $(filter command,$(firstword $(origin B)))
# Where builds of other variants go.
BESIDE    := $(if $(ELSEWHERE),$(B),build$(if $(MPI),/mpi))
# Where scripts find the commands.
BIN       := $(if $(ELSEWHERE),$(B)/bin,.)
ONLY_HERE  = $(if $(ELSEWHERE),$(error make $@: expected no B, found B=$(B)))
all: $(if $(ELSEWHERE),$(COMMANDS:%=$(B)/bin/%),$(COMMANDS)) libraries

# What everything depends on, in addition to its files: it changes with the compiler and its options.
FLAGS   += $(if $(WERROR),-Werror)
BUILT_BY = $(CC) $(filter-out -Werror,$(FLAGS)) $(LDFLAGS) $(LIBS) $(ARCH) $(MACROS)
$(B)/built_by: always
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(BUILT_BY))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(BUILT_BY))' >$@

# Compared each time, because the file may come from another variant.
$(COMMANDS): %: $(B)/bin/% always
	@cmp -s $< $@ || cp -f $< $@

$(B)/bin/%: $(B)/cli/%.o $(LIB) $(B)/built_by
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

ifneq ($(MPI),)
$(B)/bin/train $(B)/train/launch_mpi.o: private CC := $(MPICC)
endif

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Products of sets that extend avx512, where the compiler can compile them; else the files become NULL.
MORE_avx512_vnni := -mavx512vnni
MORE_avx512_bf16 := -mavx512bf16
MORE_amx         := -mamx-tile -mamx-bf16
ifeq ($(ARCH),x86_64)
$(B)/math/product_%.o: src/math/product_%.c Makefile $(B)/built_by
	@mkdir -p $(@D)
	$(Q)compile() { $(CC) $(FLAGS) $(LOOPS) $(AVX512_FLAGS) "$$@" -MMD -MP -c -o $@ $<; }; \
	    compile $(MORE_$*) 2>$@.log && rm $@.log || { compile && \
	        echo "$(CC) cannot compile the kernels of $*, which are left out; $@.log says why"; }
endif

# kernels.c of a folder becomes kernels.generic.o, kernels.avx2.o, and so on.
define kernels
$(B)/%/kernels.$(1).o: src/%/kernels.c Makefile $(B)/built_by
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(FLAGS) $$(LOOPS) $$(ISA_$(1)) -DISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach set,$(SETS),$(eval $(call kernels,$(set))))

$(B)/%.o: src/%.c Makefile $(B)/built_by
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

# The files of pages become arrays of bytes (src/page/pages.h): all of them for the commands, and those of a run's report
# for the library. The folder is a prerequisite, because its date changes when a file is removed.
WEB    := src/page/web
PAGES  := $(sort $(wildcard $(addprefix $(WEB)/,*.html *.css *.js)))
REPORT := $(addprefix $(WEB)/,report.html $(shell sed -n 's|^/.include \(.*\)\*/|\1|p' $(WEB)/report.html))
$(B)/page/pages_data.c: $(PAGES)
$(B)/page/report_data.c: $(REPORT)
$(B)/page/%_data.c: $(wildcard $(WEB)) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "page/pages.h"'; \
	    for f in $(notdir $(filter $(WEB)/%,$^)); do \
	        echo "static const unsigned char file_$$(echo $$f | tr -c 'a-zA-Z0-9\n' _)[] = {"; \
	        od -An -v -tx1 $(WEB)/$$f | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '0};'; done; \
	    echo 'const PageFile page_files[] = {'; \
	    for f in $(notdir $(filter $(WEB)/%,$^)); do v=file_$$(echo $$f | tr -c 'a-zA-Z0-9\n' _); \
	        echo "{\"$$f\", $$v, sizeof $$v - 1},"; done; \
	    echo '{0}};'; } > $@.tmp && mv $@.tmp $@
$(PAGE_DATA) $(B)/page/report_data.o: %.o: %.c $(B)/built_by
	$(Q)$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/%: tests/%.c $(LIB) Makefile $(B)/built_by
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -fvisibility=default -Itests -MMD -MP -o $@ $< $(filter %.o,$^) $(LIB) $(LDFLAGS) $(LIBS)

# The other half of the comparison with micro.c.
$(B)/tests/test_micro $(B)/tests/gradcheck_micro: $(B)/tests/micro_real.o
$(B)/tests/micro_real.o $(B)/tests/no_fuzzer.o: $(B)/tests/%.o: tests/%.c Makefile $(B)/built_by
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -Itests -MMD -MP -c -o $@ $<

# It passes vectors of 64 bytes between its own functions, which makes compilers warn. On a CPU without such vectors,
# optimising it takes a minute.
$(B)/tests/test_pairs: private FLAGS += -Wno-psabi -O0

# It makes calls of the C library fail.
FAILING := malloc calloc realloc aligned_alloc free vasprintf mmap munmap open close read write fsync rename fstat \
           opendir closedir fdopen fopen fclose pthread_create pthread_join newlocale
$(B)/tests/test_library: private LDFLAGS += $(FAILING:%=-Wl,--wrap=%)

# make libraries: libnmt.a and libnmt.so.0.
# What nmt.h declares is global in them, and nothing else. libnmt.a has one object: the files that those functions need,
# linked to one. (A build elsewhere can have another compiler's objcopy: OBJCOPY=aarch64-linux-gnu-objcopy.)
NMT_H   := src/decode/nmt.h
DOOR    = $(shell sed -n 's/^NMT_API .*[ *]\(nmt_[a-z_]*\)[^a-z_ ].*/\1/p' $(NMT_H))
SONAME  := libnmt.so.0
.PHONY: libraries
libraries: $(B)/libnmt.a $(B)/$(SONAME)
$(B)/nmt.o: $(B)/page/report_data.o $(LIB) $(NMT_H)
	@printf '%s\n' $(DOOR) >$(B)/nmt.symbols
	$(Q)$(CC) $(CFLAGS) -nostdlib -r -o $@.tmp $(DOOR:%=-Wl,-u,%) $(filter-out %.h,$^)
	$(Q)$(OBJCOPY) --keep-global-symbols=$(B)/nmt.symbols $@.tmp $@ && rm $@.tmp
$(B)/libnmt.a: $(B)/nmt.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $<
$(B)/$(SONAME): $(B)/nmt.o
	@echo 'NMT_0 { global: nmt_*; local: *; };' >$(B)/nmt.map
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=$(B)/nmt.map -Wl,-z,defs -o $@ $< \
	    $(LIBS)

## make amalgamation  the library as one file: build/nmt.c and build/nmt.h
# First the files with tables whose size a header does not say.
ONE_FIRST := $(addprefix src/,model/hyper.c text/normalise.c decode/search_options.c)
ONE_SRC   := $(ONE_FIRST) $(filter-out $(ONE_FIRST) src/inspect/% src/cli/%,$(LIB_SRC))
STB_DS    := $(firstword $(wildcard $(addsuffix /stb_ds.h,$(STB) /usr/include/stb /usr/local/include/stb /usr/include)))
.PHONY: amalgamation
amalgamation: $(BESIDE)/nmt.c $(BESIDE)/nmt.h
$(BESIDE)/nmt.c: $(ONE_SRC) $(B)/page/report_data.c $(wildcard src/*/*.h) scripts/amalgamate.awk Makefile
	@awk -v stb="$(STB_DS)" $(foreach set,generic avx2 avx512 neon,-v $(set)="$(ISA_$(set))") \
	    -v avx512_vnni="$(AVX512_FLAGS) $(MORE_avx512_vnni)" -v avx512_bf16="$(AVX512_FLAGS) $(MORE_avx512_bf16)" -v amx="$(AVX512_FLAGS) $(MORE_amx)" \
	    -f scripts/amalgamate.awk $(B)/page/report_data.c $(ONE_SRC) >$@.tmp && mv $@.tmp $@
$(BESIDE)/nmt.h: $(NMT_H)
	@mkdir -p $(@D)
	@cp $< $@

# Manual pages and completions come from what the commands say of themselves, and from nmt.h. EMULATOR runs commands
# that were built for another machine.
VERSION := $(shell sed -n 's/.*NMT_VERSION "\(.*\)"/\1/p' src/base/version.h)
SHARE   := $(COMMANDS:%=$(B)/share/man/man1/nmt-%.1) $(B)/share/man/man3/nmt.3 \
           $(COMMANDS:%=$(B)/share/bash-completion/completions/nmt-%)
$(B)/share/man/man1/nmt-%.1: $(B)/bin/% scripts/man.awk
	@mkdir -p $(@D)
	@$(EMULATOR) $< --help >$@.help && awk -v name=$* -v version=$(VERSION) -f scripts/man.awk $@.help >$@.tmp && \
	    rm $@.help && mv $@.tmp $@
$(B)/share/man/man3/nmt.3: $(NMT_H) scripts/man_header.awk src/base/version.h
	@mkdir -p $(@D)
	@awk -v version=$(VERSION) -f scripts/man_header.awk $< >$@.tmp && mv $@.tmp $@
$(B)/share/bash-completion/completions/nmt-%: $(B)/bin/% scripts/completion.awk
	@mkdir -p $(@D)
	@$(EMULATOR) $< --help >$@.help $(if $(filter train,$*),&& $(EMULATOR) $< --keys >>$@.help) && \
	    awk -v name=$* -f scripts/completion.awk $@.help >$@.tmp && rm $@.help && mv $@.tmp $@

tests: $(TESTS:%=$(B)/tests/%) $(COMMANDS:%=$(B)/bin/%)

## make              build ./train, ./translate, ./score and ./inspect, optimised
## make test         all quick tests, with the gradient check (about four minutes)
test: all tests $(SHARE)
	@$(MAKE) --no-print-directory VARIANT=double B=$(DOUBLE) $(GRADCHECK:%=$(DOUBLE)/tests/%)
	@sh tests/run.sh $(B) $(TESTS:%=$(B)/tests/%) $(GRADCHECK:%=$(DOUBLE)/tests/%)

DOUBLE := $(BESIDE)/double
## make gradcheck    every backward pass against central differences, in double; prints each tensor's worst error
gradcheck:
	@$(MAKE) --no-print-directory VARIANT=double B=$(DOUBLE) $(GRADCHECK:%=$(DOUBLE)/tests/%)
	@for t in $(GRADCHECK); do $(DOUBLE)/tests/$$t -v || exit 1; done

## make debug        the tests with AddressSanitizer and UBSan, in build/debug
debug:
	@$(MAKE) --no-print-directory VARIANT=debug B=$(BESIDE)/debug tests
	@sh tests/run.sh $(BESIDE)/debug $(TESTS:%=$(BESIDE)/debug/tests/%)

## make thread       the tests with ThreadSanitizer, in build/thread
thread:
	@$(MAKE) --no-print-directory VARIANT=thread B=$(BESIDE)/thread tests
	@sh tests/run.sh $(BESIDE)/thread $(TESTS:%=$(BESIDE)/thread/tests/%)

## make valgrind     every command on a few lines under valgrind: no error, no lost memory
valgrind: all
	@NMT_BIN=$(BIN) sh scripts/valgrind.sh

## make crash-test   kill and resume a training run, 200 rounds: the same bytes each time
crash-test: all
	@NMT_BIN=$(BIN) sh scripts/crash_test.sh

## make mpi-test     several processes over each MPI that is installed: the bytes of one alone, also after they were killed
.PHONY: mpi-test
mpi-test: all
	@$(ONLY_HERE)sh scripts/mpi_test.sh

## make fault-test   make each call of the C library in a short run fail, one by one
fault-test: all
	@NMT_BIN=$(BIN) sh scripts/fault_test.sh

## make pipe-test    a million lines through ./translate: as many come out, and memory does not grow
pipe-test: all
	@NMT_BIN=$(BIN) sh scripts/pipe_test.sh

## make fuzz         every parser against inputs from libFuzzer (needs clang); SECONDS=20 for each
# ARCH=any leaves out the CPU's own kernels: they parse nothing, and take a minute to compile this way.
SECONDS ?= 20
FUZZERS := $(sort $(notdir $(basename $(wildcard tests/fuzz_*.c))))
fuzz: all
	@$(MAKE) --no-print-directory VARIANT=fuzz B=$(BESIDE)/fuzz CC=clang ARCH=any LDFLAGS=-fsanitize=fuzzer \
	    $(FUZZERS:%=$(BESIDE)/fuzz/tests/%)
	@NMT_BIN=$(BIN) sh scripts/fuzz.sh $(SECONDS) $(FUZZERS:%=$(BESIDE)/fuzz/tests/%)
ifneq ($(VARIANT),fuzz)
$(FUZZERS:%=$(B)/tests/%): $(B)/tests/no_fuzzer.o
endif

## make coverage     which lines of src/ the tests run (needs gcov)
coverage:
	@$(MAKE) --no-print-directory VARIANT=coverage B=$(BESIDE)/coverage tests
	@sh tests/run.sh $(BESIDE)/coverage $(TESTS:%=$(BESIDE)/coverage/tests/%)
	@sh scripts/coverage.sh $(BESIDE)/coverage

## make page-test    open pages of ./inspect in a headless browser, if there is one; pictures go to build/page/
.PHONY: page-test
page-test: all
	@sh scripts/page_test.sh $(BIN)/inspect

## make neon         the kernels for 64-bit ARM on another machine: numeric tests, cross-compiled, under qemu-aarch64
NEON_CC       := aarch64-linux-gnu-gcc
NUMERIC_TESTS := test_attention test_matmul test_pool test_reference test_rng test_vector
NEON_TESTS    := $(NUMERIC_TESTS:%=$(BESIDE)/neon/tests/%)
neon:
	@for tool in $(NEON_CC) qemu-aarch64; do command -v $$tool >/dev/null || { \
	    echo "make neon: expected $$tool, found none (Debian: apt-get install gcc-aarch64-linux-gnu" \
	        "libc6-dev-arm64-cross qemu-user)" >&2; exit 1; }; done
	@$(MAKE) --no-print-directory CC=$(NEON_CC) B=$(BESIDE)/neon STB=$(or $(STB),/usr/include/stb) LDFLAGS=-static \
	    FOLDERS="$(NUMERIC)" $(NEON_TESTS)
	@EMULATOR=qemu-aarch64 sh tests/run.sh $(BESIDE)/neon $(NEON_TESTS)

## make musl         everything built for another C library, musl; numeric tests, and those of the library
# ARCH=any leaves out the CPU's own kernels, which call no C library and take half of the time to compile.
MUSL_TESTS := $(addprefix $(BESIDE)/musl/tests/,$(NUMERIC_TESTS) test_library)
musl:
	@command -v musl-gcc >/dev/null || { \
	    echo "make musl: expected musl-gcc, found none (Debian: apt-get install musl-tools)" >&2; exit 1; }
	@$(MAKE) --no-print-directory CC=musl-gcc B=$(BESIDE)/musl STB=$(or $(STB),/usr/include/stb) ARCH=any all $(MUSL_TESTS)
	@sh tests/run.sh $(BESIDE)/musl $(MUSL_TESTS)

## make narrow       tests and fuzz targets with sizes of 32 bits (Debian: libc6-dev-i386 and lib32gcc-12-dev)
NARROW_CC = $(CC) -m32 -msse2 -mfpmath=sse -idirafter /usr/include/$(shell $(CC) -print-multiarch)
NARROW    = CC="$(NARROW_CC)" STB=$(or $(STB),/usr/include/stb)
narrow:
	@$(MAKE) --no-print-directory $(NARROW) B=$(BESIDE)/narrow tests
	@sh tests/run.sh $(BESIDE)/narrow $(TESTS:%=$(BESIDE)/narrow/tests/%)
	@$(MAKE) --no-print-directory $(NARROW) B=$(BESIDE)/narrow_debug VARIANT=debug $(FUZZERS:%=$(BESIDE)/narrow_debug/tests/%)
	@NMT_BIN=$(BESIDE)/narrow/bin sh scripts/fuzz.sh 0 $(FUZZERS:%=$(BESIDE)/narrow_debug/tests/%)

## make web          build/web/nmt.html: a page that translates and trains in a browser (needs scripts/web_setup.sh)
# src/web/ and all it includes, compiled for WebAssembly in build/web/obj. Left out is what a page has no use for, and
# what src/web/ replaces.
WEB_CC  := clang --target=wasm32-wasi -msimd128 -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID \
           -Isrc/web/shim -include src/web/shim/wasi.h
WEB_SRC := $(filter-out src/base/pool.c src/base/scope.c src/page/pages.c src/train/dryrun.c src/train/report.c src/decode/nmt% src/train/nmt% src/cli/%,$(LIB_SRC)) \
           $(wildcard src/web/*.c)
WEB_LD  := -mexec-model=reactor -Wl,-z,stack-size=1048576 -Wl,--stack-first -Wl,--max-memory=2147418112 -Wl,--strip-all \
           -lwasi-emulated-mman -lwasi-emulated-signal -lwasi-emulated-getpid
.PHONY: web web-test build/web/nmt.wasm
web: build/web/nmt.html
build/web/nmt.wasm:
	@sh scripts/web_setup.sh --check
	@$(MAKE) --no-print-directory B=build/web/obj CC="$(WEB_CC)" LIB_SRC="$(WEB_SRC)" PAGE_DATA= PIC= build/web/obj/nmt.wasm
	@cmp -s build/web/obj/nmt.wasm $@ || cp build/web/obj/nmt.wasm $@
build/web/obj/nmt.wasm: $(LIB_OBJ)
	$(Q)$(CC) $(FLAGS) $(LDFLAGS) -o $@ $^ $(WEB_LD)

# The model in the page is the one that the page makes itself. It is trained anew when what it depends on changes.
build/web/run/model.gguf: configs/live.ini data/tiny/train.tsv data/tiny/valid.tsv \
    $(wildcard $(addsuffix /*.[ch],$(addprefix src/,$(NUMERIC) gguf text data decode eval train))) | $(B)/bin/train
	@mkdir -p build/web
	NMT_ISA=generic $(B)/bin/train configs/live.ini --fresh run.dir=build/web/run

# The page: live.html with all that it includes, files that are not text as gzip in base64.
WEB_PACK = mkdir -p $(@D) && gzip -9nc $< >$@.gz && base64 <$@.gz >$@.tmp && rm $@.gz && mv $@.tmp $@
build/web/packed/wasm.txt: build/web/nmt.wasm; @$(WEB_PACK)
build/web/packed/model.txt: build/web/run/model.gguf; @$(WEB_PACK)
build/web/packed/train.txt: data/tiny/train.tsv; @$(WEB_PACK)
build/web/packed/valid.txt: data/tiny/valid.tsv; @$(WEB_PACK)
build/web/nmt.html: $(addprefix build/web/packed/,wasm.txt model.txt train.txt valid.txt) $(PAGES) configs/live.ini \
    src/web/page.awk Makefile
	@awk -f src/web/page.awk live.html src/page/web build/web/packed configs >$@.tmp && mv $@.tmp $@
	@echo "$@: $$(wc -c <$@) bytes"

## make web-test     the page's program under node against the native one, and the page in Chromium and Firefox
web-test: all web
	@NMT_BIN=$(BIN) sh scripts/web_test.sh

## make micro        build src/micro/micro.c, train it and translate "the cat sat": two minutes on one core
micro: $(BESIDE)/micro
	@$(BESIDE)/micro
$(BESIDE)/micro: src/micro/micro.c Makefile $(B)/built_by
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O3 $(WARN) $(CFLAGS) -ffp-contract=off -o $@ $< -lm $(LDFLAGS)

## make bench        speed of matrix products, training steps and translation, next to the machine's own limit
bench: $(B)/tests/bench
	@$(B)/tests/bench

## make large        train on 5 million generated pairs: time to the first step, memory (some minutes, 700 MB of disk)
large: all
	@NMT_BIN=$(BIN) python3 scripts/check_large.py

## make check-inspect  compute again, in Python, what ./inspect shows of the model of configs/tiny.ini
check-inspect: all
	@NMT_BIN=$(BIN) python3 scripts/check_inspect.py

## make format       rewrite the C files in the project's layout (needs clang-format)
SOURCES = $(wildcard src/*/*.[ch] src/web/shim/*.h tests/*.[ch])
format:
	clang-format -i $(SOURCES)
format-check:
	clang-format --dry-run --Werror $(SOURCES)

## make layers       check the order of the folders: includes point down, and there are no circles
layers:
	@sh scripts/check_layers.sh --planted
	@sh scripts/check_layers.sh

## make install      to PREFIX (/usr/local): the commands as nmt-train, ...; nmt.h, the libraries, nmt.pc, manual pages
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
install: $(COMMANDS:%=$(B)/bin/%) libraries $(SHARE)
	@put() { mkdir -p "$$(dirname "$(DESTDIR)$$3")" && install -m $$1 "$$2" "$(DESTDIR)$$3"; }; set -e; \
	for c in $(COMMANDS); do put 755 $(B)/bin/$$c "$(BINDIR)/nmt-$$c"; done; \
	put 644 $(NMT_H) "$(INCLUDEDIR)/nmt.h"; \
	put 644 $(B)/libnmt.a "$(LIBDIR)/libnmt.a"; \
	put 644 $(B)/$(SONAME) "$(LIBDIR)/$(SONAME)"; \
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libnmt.so"; \
	for f in $(SHARE:$(B)/share/%=%); do put 644 $(B)/share/$$f "$(DATADIR)/$$f"; done; \
	put 644 src/decode/examples/nmt.py "$(DATADIR)/nmt/nmt.py"; \
	sed -e 's|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' scripts/nmt.pc \
	    >$(B)/nmt.pc && put 644 $(B)/nmt.pc "$(LIBDIR)/pkgconfig/nmt.pc"

## make uninstall    remove them from there
uninstall:
	@set -e; for c in $(COMMANDS); do rm -f "$(DESTDIR)$(BINDIR)/nmt-$$c"; done; \
	for f in $(SHARE:$(B)/share/%=%) nmt/nmt.py; do rm -f "$(DESTDIR)$(DATADIR)/$$f"; done; \
	rm -f "$(DESTDIR)$(INCLUDEDIR)/nmt.h" "$(DESTDIR)$(LIBDIR)/pkgconfig/nmt.pc"; \
	for f in libnmt.a libnmt.so $(SONAME); do rm -f "$(DESTDIR)$(LIBDIR)/$$f"; done; \
	rmdir "$(DESTDIR)$(DATADIR)/nmt" 2>/dev/null || :

## make install-test  what is installed, and the amalgamation, as programs in C, C++, Python and Rust use them
.PHONY: install-test
install-test: all
	@$(ONLY_HERE)sh scripts/install_test.sh

## make deb          Debian packages in build/deb (needs debhelper; scripts/debian has what they are made of)
.PHONY: deb
deb:
	@rm -rf build/deb && mkdir -p build/deb/nmt
	@cp -R Makefile LICENSE README.md src scripts configs data tests build/deb/nmt
	@mv build/deb/nmt/scripts/debian build/deb/nmt
	@cd build/deb/nmt && unset MAKEFLAGS MFLAGS MAKELEVEL && \
	    DEB_BUILD_OPTIONS="nocheck $$DEB_BUILD_OPTIONS" dpkg-buildpackage -us -uc -b

## make clean        remove everything that was built (but never runs/)
clean:
	rm -rf build $(COMMANDS)

## make help         show this list
help:
	@sed -n 's/^## //p' Makefile

-include $(shell find $(B) -name '*.d' 2>/dev/null)
