// What this processor and its operating system offer.
#include "packed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PUBLIC extern "C" __attribute__((visibility("default")))

PUBLIC const char *dyadic_source_digest() { return DYADIC_SOURCE_DIGEST; }

#ifdef __x86_64__
#include <cpuid.h>

namespace {

struct Features {
    char names[512] = "";

    Features() {
        uint32_t a, b, c, d, leaf7_a = 0, leaf7_b = 0, leaf7_c = 0, leaf7_d = 0, leaf71_a = 0, extended_c = 0;
        if (!__get_cpuid(1, &a, &b, &c, &d))
            return;
        const uint32_t leaf1_c = c;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
            leaf7_b = b, leaf7_c = c, leaf7_d = d, leaf7_a = a;
            if (leaf7_a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
                leaf71_a = a;
        }
        if (__get_cpuid(0x80000001, &a, &b, &c, &d))
            extended_c = c;

        // A register file is usable when the operating system saves it.
        uint32_t saved = 0, high = 0;
        if (leaf1_c >> 27 & 1)
            __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
        const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6, tile = (saved & 0x60000) == 0x60000;

        add("sse2", true);
        add("sse3", leaf1_c & 1);
        add("ssse3", leaf1_c >> 9 & 1);
        add("sse4.1", leaf1_c >> 19 & 1);
        add("sse4.2", leaf1_c >> 20 & 1);
        add("movbe", leaf1_c >> 22 & 1);
        add("popcnt", leaf1_c >> 23 & 1);
        add("lzcnt", extended_c >> 5 & 1);
        add("bmi", leaf7_b >> 3 & 1);
        add("bmi2", leaf7_b >> 8 & 1);
        add("avx", ymm && leaf1_c >> 28 & 1);
        add("fma", ymm && leaf1_c >> 12 & 1);
        add("f16c", ymm && leaf1_c >> 29 & 1);
        add("avx2", ymm && leaf7_b >> 5 & 1);
        add("avxvnni", ymm && leaf71_a >> 4 & 1);
        add("avx512f", zmm && leaf7_b >> 16 & 1);
        add("avx512dq", zmm && leaf7_b >> 17 & 1);
        add("avx512cd", zmm && leaf7_b >> 28 & 1);
        add("avx512bw", zmm && leaf7_b >> 30 & 1);
        add("avx512vl", zmm && leaf7_b >> 31 & 1);
        add("avx512vbmi", zmm && leaf7_c >> 1 & 1);
        add("avx512vnni", zmm && leaf7_c >> 11 & 1);
        add("amx-tile", tile && leaf7_d >> 24 & 1);
        add("amx-int8", tile && leaf7_d >> 25 & 1);
    }

    void add(const char *name, bool present) {
        const size_t length = strlen(names);
        if (present)
            snprintf(names + length, sizeof names - length, "%s%s", length ? " " : "", name);
    }
};

const Features features;

} // namespace

PUBLIC const char *dyadic_cpu_features() { return features.names; }

PUBLIC int dyadic_request_amx() {
    const long request_permission = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0 ? 0 : errno;
}

#else

PUBLIC const char *dyadic_cpu_features() { return ""; }
PUBLIC int dyadic_request_amx() { return ENOSYS; }

#endif
