# nmt.c: `make help` lists what can be made. Needs a C11 compiler, make and stb_ds.h (Debian: libstb-dev).
#
#   make STB=/folder        where stb_ds.h is, when the system does not have it
#   make CC=clang           another compiler
#   make Q=                 shows the compiler's command lines
#   make VARIANT=debug      another build of the same files: release (default), debug, thread, double, fuzz, coverage

VARIANT ?= release
STB     ?=
Q       := @
CC      ?= cc

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
           -Wvla -Wformat=2 -Werror
CFLAGS_release := -O3
CFLAGS_debug   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_thread  := -O1 -g -fsanitize=thread
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS_coverage := -O1 --coverage
CFLAGS_double  := -O2 -DNMT_DOUBLE

B       := build/$(VARIANT)
FLAGS   := -std=c11 -D_GNU_SOURCE -Isrc $(if $(STB),-isystem $(STB)) $(WARN) $(CFLAGS_$(VARIANT)) $(CFLAGS)
LIBS    := -lm -pthread

# The double build is for gradient checks: the numeric code alone, none that reads and writes float files.
NUMERIC := base math nn model optim
FOLDERS := $(NUMERIC) $(if $(filter double,$(VARIANT)),,gguf text eval page data decode train inspect)
LIB_SRC := $(sort $(wildcard $(FOLDERS:%=src/%/*.c)))
ifneq ($(VARIANT),double)
LIB_SRC += src/cli/options.c # what all commands share
PAGE_DATA := $(B)/page/pages_data.o
endif
LIB_OBJ := $(LIB_SRC:src/%.c=$(B)/%.o) $(PAGE_DATA)
LIB     := $(B)/libnmt.a

COMMANDS := $(basename $(notdir $(wildcard $(addprefix src/cli/,train.c translate.c score.c inspect.c))))
# Tests of the release, debug and thread builds, and the gradient checks, which are built with real = double.
TESTS     := $(sort $(notdir $(basename $(wildcard tests/test_*.c))))
GRADCHECK := $(sort $(notdir $(basename $(wildcard tests/gradcheck_*.c))))

.PHONY: all always test gradcheck debug thread valgrind crash-test fault-test pipe-test fuzz coverage neon bench large \
        check-inspect page-test format format-check layers help clean tests
.SECONDARY:

all: $(COMMANDS)

# Compared each time: what stands there may be another variant's.
$(COMMANDS): %: $(B)/bin/% always
	@cmp -s $< $@ || cp -f $< $@

$(B)/bin/%: $(B)/cli/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

# Kernels are compiled once for each instruction set, and chosen at run time (src/math/kernels.h).
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
ifeq ($(ARCH),x86_64)
$(B)/math/kernels_avx2.o:   FLAGS += -mavx2 -mfma
AVX512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mprefer-vector-width=512
$(B)/math/kernels_avx512.o: FLAGS += $(AVX512)
# Those of them that the compiler knows; without, the file is compiled to an empty table.
known = $(shell $(CC) -Werror $(1) -E -x c /dev/null >/dev/null 2>&1 && echo "$(1)")
AVX512_BF16 := $(call known,-mavx512bf16)
AMX         := $(call known,-mamx-tile -mamx-bf16)
$(B)/math/kernels_avx512_bf16.o: FLAGS += $(AVX512) $(AVX512_BF16)
$(B)/math/kernels_amx.o:         FLAGS += $(AVX512) $(AMX)
endif
$(B)/math/kernels_%.o: FLAGS += -ffp-contract=fast -fno-math-errno -fno-trapping-math

$(B)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

# The files of pages become arrays of bytes (src/page/pages.h); the folder's own date tells when one was removed.
PAGES := $(sort $(wildcard $(addprefix src/page/web/,*.html *.css *.js)))
$(B)/page/pages_data.c: $(PAGES) $(wildcard src/page/web) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "page/pages.h"'; \
	    for f in $(notdir $(PAGES)); do \
	        echo "static const unsigned char file_$$(echo $$f | tr -c 'a-zA-Z0-9\n' _)[] = {"; \
	        od -An -v -tx1 src/page/web/$$f | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '0};'; done; \
	    echo 'const PageFile page_files[] = {'; \
	    for f in $(notdir $(PAGES)); do v=file_$$(echo $$f | tr -c 'a-zA-Z0-9\n' _); \
	        echo "{\"$$f\", $$v, sizeof $$v - 1},"; done; \
	    echo '{0}};'; } > $@.tmp && mv $@.tmp $@
$(PAGE_DATA): %.o: %.c
	$(Q)$(CC) $(FLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/%: tests/%.c $(LIB) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -Itests -MMD -MP -o $@ $< $(LIB) $(LDFLAGS) $(LIBS)

# It passes vectors of 64 bytes, which compilers remark on, between functions of its own; without instructions for them
# optimising takes a minute.
$(B)/tests/test_pairs: private FLAGS += -Wno-psabi -O0

tests: $(TESTS:%=$(B)/tests/%) $(COMMANDS:%=$(B)/bin/%)

## make              build ./train, ./translate, ./score and ./inspect, optimised
## make test         all quick tests (about two minutes), the gradient check among them
test: all tests
	@$(MAKE) --no-print-directory VARIANT=double $(GRADCHECK:%=build/double/tests/%)
	@sh tests/run.sh $(B) $(TESTS:%=$(B)/tests/%) $(GRADCHECK:%=build/double/tests/%)

## make gradcheck    every backward pass against central differences in double; the worst error of each tensor
gradcheck:
	@$(MAKE) --no-print-directory VARIANT=double $(GRADCHECK:%=build/double/tests/%)
	@for t in $(GRADCHECK); do build/double/tests/$$t -v || exit 1; done

## make debug        build everything with AddressSanitizer and UBSan in build/debug, and run the tests there
debug:
	@$(MAKE) --no-print-directory VARIANT=debug tests
	@sh tests/run.sh build/debug $(TESTS:%=build/debug/tests/%)

## make thread       the tests that use threads, with ThreadSanitizer
thread:
	@$(MAKE) --no-print-directory VARIANT=thread tests
	@sh tests/run.sh build/thread $(TESTS:%=build/thread/tests/%)

## make valgrind     every command on a few lines under valgrind: no error, nothing lost
valgrind: all
	@sh scripts/valgrind.sh

## make crash-test   kills and resumes a training run, 200 rounds: the same bytes each time
crash-test: all
	@sh scripts/crash_test.sh

## make fault-test   lets every call of the C library fail that a short run makes, one by one
fault-test: all
	@sh scripts/fault_test.sh

## make pipe-test    a million lines through a pipe: as many come out, and memory stays what it was
pipe-test: all
	@sh scripts/pipe_test.sh

## make fuzz         every parser against inputs that libFuzzer makes up (needs clang); SECONDS=20 for each
# ARCH: none of the CPU's own kernels, which take a minute to compile so and parse nothing.
SECONDS ?= 20
FUZZERS := $(sort $(notdir $(basename $(wildcard tests/fuzz_*.c))))
fuzz: all
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang ARCH=any LDFLAGS=-fsanitize=fuzzer $(FUZZERS:%=build/fuzz/tests/%)
	@sh scripts/fuzz.sh $(SECONDS) $(FUZZERS:%=build/fuzz/tests/%)

## make coverage     which lines of src/ the tests run (needs gcov)
coverage:
	@$(MAKE) --no-print-directory VARIANT=coverage tests
	@sh tests/run.sh build/coverage $(TESTS:%=build/coverage/tests/%)
	@sh scripts/coverage.sh build/coverage

## make page-test    opens pages of ./inspect in a headless browser, if there is one; pictures in build/page/
.PHONY: page-test
page-test: all
	@sh scripts/page_test.sh

## make neon         the kernels of 64-bit ARM on another machine: the numeric tests, cross-compiled, under qemu-aarch64
NEON_CC    := aarch64-linux-gnu-gcc
NEON_TESTS := $(addprefix build/neon/tests/,test_attention test_matmul test_pool test_reference test_rng test_vector)
neon:
	@for tool in $(NEON_CC) qemu-aarch64; do command -v $$tool >/dev/null || { \
	    echo "make neon: expected $$tool, found none (Debian: apt-get install gcc-aarch64-linux-gnu" \
	        "libc6-dev-arm64-cross qemu-user)" >&2; exit 1; }; done
	@$(MAKE) --no-print-directory CC=$(NEON_CC) B=build/neon STB=$(or $(STB),/usr/include/stb) LDFLAGS=-static \
	    $(NEON_TESTS)
	@EMULATOR=qemu-aarch64 sh tests/run.sh build/neon $(NEON_TESTS)

## make bench        speed: the products and one training step, beside the machine's own limit
bench: $(B)/tests/bench
	@$(B)/tests/bench

## make large        trains on 5 million generated pairs: time to the first step, memory (some minutes, 700 MB of disk)
large: all
	@python3 scripts/check_large.py

## make check-inspect  what ./inspect shows of the model of configs/tiny.ini, computed again in Python
check-inspect: all
	@python3 scripts/check_inspect.py

## make format       rewrite the C files in the project's layout (needs clang-format)
SOURCES = $(wildcard src/*/*.[ch] tests/*.[ch])
format:
	clang-format -i $(SOURCES)
format-check:
	clang-format --dry-run --Werror $(SOURCES)

## make layers       check the order of the house: includes point down, and nothing goes in a circle
layers:
	@sh scripts/check_layers.sh --planted
	@sh scripts/check_layers.sh

## make clean        remove what was built (never runs/)
clean:
	rm -rf build $(COMMANDS)

## make help         this list
help:
	@sed -n 's/^## //p' Makefile

-include $(shell find $(B) -name '*.d' 2>/dev/null)
