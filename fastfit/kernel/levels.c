/* Which level this processor has, and what was compiled. Baseline code: it runs anywhere. */
#include "kernel.h"

#if defined(X86_64)
static void cpuid(uint32_t leaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx) {
    uint32_t edx;
    __asm__ volatile("cpuid" : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(edx) : "a"(leaf), "c"(0));
}

/* The processor must have AVX2, and the system must save its registers. */
static int has_avx2(void) {
    uint32_t most, eax, ebx, ecx, saved, high;
    cpuid(0, &most, &ebx, &ecx);
    if (most < 7) return 0;
    cpuid(1, &eax, &ebx, &ecx);
    if (!(ecx & 1u << 27) || !(ecx & 1u << 28)) return 0; /* OSXSAVE, AVX */
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if ((saved & 6) != 6) return 0;
    cpuid(7, &eax, &ebx, &ecx);
    return ebx >> 5 & 1;
}
#endif

/* Return which levels run here: bit N is set if level number N does. */
EXPORT int fastfit_levels(void) {
#if defined(X86_64)
    return 1 << PORTABLE | has_avx2() << AVX2;
#elif defined(ARM64)
    return 1 << PORTABLE | 1 << NEON;
#else
    return 1 << PORTABLE;
#endif
}

#if defined(X86_64)
static const level avx2_level = {
    {avx2_across_8, avx2_across_16, avx2_across_float},
    {avx2_down_8, avx2_down_16, avx2_down_float},
    avx2_premultiply,
    avx2_unpremultiply,
};
#elif defined(ARM64)
static const level neon_level = {
    {neon_across_8, portable_across_16, portable_across_float},
    {neon_down_8, portable_down_16, portable_down_float},
    neon_premultiply,
    neon_unpremultiply,
};
#endif

/* Return a level that this processor has. */
const level *level_at(int number) {
    switch (number) {
#if defined(X86_64)
    case AVX2: return &avx2_level;
#elif defined(ARM64)
    case NEON: return &neon_level;
#endif
    default: return &portable_level;
    }
}

EXPORT const char *fastfit_source(void) { return FASTFIT_SOURCE; }

#if defined(__clang__)
EXPORT const char *fastfit_compiler(void) { return __VERSION__; }
#else
EXPORT const char *fastfit_compiler(void) { return "GCC " __VERSION__; }
#endif

#if defined(_WIN32)
/* Windows calls it when it loads the library; the C library would bring one of its own. */
int DllMainCRTStartup(void *library, unsigned reason, void *reserved);
int DllMainCRTStartup(void *library, unsigned reason, void *reserved) {
    (void)library, (void)reason, (void)reserved;
    return 1;
}
#endif
