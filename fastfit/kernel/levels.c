/* Which level this processor has, and what was compiled. Baseline code: it runs anywhere. */
#include "kernel.h"

#if defined(X86_64)
static void cpuid(uint32_t leaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx) {
    uint32_t edx;
    __asm__ volatile("cpuid" : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(edx) : "a"(leaf), "c"(0));
}

/* Whether the processor has these bits of leaf 7, and the system saves these registers. */
static int has(uint32_t wanted_ebx, uint32_t wanted_ecx, uint32_t registers) {
    uint32_t most, eax, ebx, ecx, saved, high;
    cpuid(0, &most, &ebx, &ecx);
    if (most < 7) return 0;
    cpuid(1, &eax, &ebx, &ecx);
    if (!(ecx & 1u << 27) || !(ecx & 1u << 28)) return 0; /* OSXSAVE, AVX */
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    cpuid(7, &eax, &ebx, &ecx);
    return (saved & registers) == registers && (ebx & wanted_ebx) == wanted_ebx && (ecx & wanted_ecx) == wanted_ecx;
}

static int has_avx2(void) { return has(1u << 5, 0, 0x6); }

/* AVX-512 F, DQ, BW and VL, and VNNI. macOS saves the registers once a program has used them, so it says no here. */
static int has_avx512(void) {
    return has_avx2() && has(1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, 1u << 11, 0xe6);
}
#endif

#if defined(ARM64)
/* Whether the processor has sdot. Only the system knows: the instruction that asks the processor is not for programs. */
#if defined(__linux__)
static long system_call(long number, long one, long two, long three) {
    register long x0 __asm__("x0") = one;
    register long x1 __asm__("x1") = two;
    register long x2 __asm__("x2") = three;
    register long x8 __asm__("x8") = number;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
    return x0;
}

/* Linux tells a process in pairs of a key and a value. Without a C library they are read where it shows them. */
static int has_dotprod(void) {
    enum { OPENAT = 56, CLOSE = 57, READ = 63, HERE = -100, HWCAP = 16, DOT_PRODUCTS = 1 << 20 };
    uint64_t entry[2];
    int found = 0;
    long file = system_call(OPENAT, HERE, (long)"/proc/self/auxv", 0);
    if (file < 0) return 0;
    while (!found && system_call(READ, file, (long)entry, sizeof entry) == sizeof entry)
        found = entry[0] == HWCAP && (entry[1] & DOT_PRODUCTS) != 0;
    system_call(CLOSE, file, 0, 0);
    return found;
}
#elif defined(__APPLE__)
static int has_dotprod(void) { return 1; } /* all of Apple's, since the M1 */
#elif defined(_WIN32)
/* A page that Windows shows to all processes, KUSER_SHARED_DATA: ProcessorFeatures begins at 0x274, and number 43 is
   PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE. */
static int has_dotprod(void) { return *(const volatile uint8_t *)(uintptr_t)(0x7ffe0000 + 0x274 + 43) != 0; }
#else
static int has_dotprod(void) { return 0; }
#endif
#endif

/* Return which levels run here: bit N is set if level number N does. */
EXPORT int fastfit_levels(void) {
#if defined(X86_64)
    return 1 << PORTABLE | has_avx2() << AVX2 | has_avx512() << AVX512;
#elif defined(ARM64)
    return 1 << PORTABLE | 1 << NEON | has_dotprod() << DOTPROD;
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
    ROWS / 2,
    2,
};
static const level avx512_level = {
    {avx512_across_8, avx2_across_16, avx2_across_float},
    {avx512_down_8, avx2_down_16, avx2_down_float},
    avx2_premultiply,
    avx2_unpremultiply,
    ROWS,
    4,
};
#elif defined(ARM64)
static const level neon_level = {
    {neon_across_8, portable_across_16, portable_across_float},
    {neon_down_8, portable_down_16, portable_down_float},
    neon_premultiply,
    neon_unpremultiply,
    ROWS / 2,
    2,
};
static const level dotprod_level = {
    {dotprod_across_8, portable_across_16, portable_across_float},
    {dotprod_down_8, portable_down_16, portable_down_float},
    neon_premultiply,
    neon_unpremultiply,
    ROWS / 2,
    4,
};
#endif

/* Return a level that this processor has. */
const level *level_at(int number) {
    switch (number) {
#if defined(X86_64)
    case AVX2: return &avx2_level;
    case AVX512: return &avx512_level;
#elif defined(ARM64)
    case NEON: return &neon_level;
    case DOTPROD: return &dotprod_level;
#endif
    default: return &portable_level;
    }
}

/* Return how weights of 8 bits are packed at a level, as fastfit_axis takes it. */
EXPORT int fastfit_each(int level_number) { return level_at(level_number)->each; }

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
