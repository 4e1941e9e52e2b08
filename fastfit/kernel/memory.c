/* The two functions of the C library that compilers call by themselves, so that the kernel needs no library: one file
   runs beside glibc and musl of any age. Hidden, so that no other code calls them. */
#include "kernel.h"

#define HIDDEN __attribute__((visibility("hidden")))
/* Keeps compilers from turning these loops into calls of the same functions. */
#define BARRIER __asm__ volatile("" ::: "memory")

/* 8 bytes anywhere, of anything. */
typedef uint64_t __attribute__((aligned(1), may_alias)) word;

HIDDEN void *memcpy(void *restrict dst, const void *restrict src, size_t size) {
    uint8_t *to = dst;
    const uint8_t *from = src;
    for (; size >= 32; size -= 32, to += 32, from += 32) {
        const word *read = (const void *)from;
        word a = read[0], b = read[1], c = read[2], d = read[3], *written = (void *)to;
        written[0] = a, written[1] = b, written[2] = c, written[3] = d;
        BARRIER;
    }
    for (; size; size--) {
        *to++ = *from++;
        BARRIER;
    }
    return dst;
}

HIDDEN void *memset(void *dst, int value, size_t size) {
    uint8_t *to = dst;
    for (; size; size--) {
        *to++ = (uint8_t)value;
        BARRIER;
    }
    return dst;
}
