/* The two functions of the C library that compilers call by themselves, so that the kernel needs no library: one file
   runs beside glibc and musl of any age. Hidden, so that no other code calls them. */
#include "kernel.h"

#define HIDDEN __attribute__((visibility("hidden")))
/* Keeps compilers from turning these loops into calls of the same functions. */
#define BARRIER __asm__ volatile("" ::: "memory")

typedef struct {
    uint64_t words[4];
} block;

HIDDEN void *memcpy(void *restrict dst, const void *restrict src, size_t size) {
    uint8_t *to = dst;
    const uint8_t *from = src;
    for (; size >= sizeof(block); size -= sizeof(block), to += sizeof(block), from += sizeof(block)) {
        block copied;
        __builtin_memcpy(&copied, from, sizeof copied);
        __builtin_memcpy(to, &copied, sizeof copied);
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
