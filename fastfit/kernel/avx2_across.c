/* The pass across for 8 bits with AVX2: 8 rows at once, 16 of one channel.

   A chunk of the source is turned into entries: one for each pair of pixels, of all rows. An entry is a few vectors of
   eight 32-bit lanes; a lane is the pair (first pixel, second pixel) of one channel of one row, as 16-bit numbers. One
   pmaddwd multiplies eight such pairs by a pair of weights and adds. Weights have 22 bits, so there are two products,
   by their lower and their upper half: (upper << 16) + lower is the sum modulo 2^32, which is all that Pillow's has.

   Half h of vector v holds, of 4 channels, row v + 4h; of 3, row v + 4h and channel v of row 3 + 4h; of 2, rows
   2v + 4h and 2v + 1 + 4h; of 1, rows 4h to 4h + 3 of the v-th eight. */
#include "kernel.h"

#if defined(X86_64)
#include <immintrin.h>

#define INLINE __attribute__((target("avx2"), always_inline)) static inline
#define LEVEL __attribute__((target("avx2")))

typedef __m256i vector;

static const int VECTORS[5] = {0, 2, 2, 3, 4};

/* Load 16 bytes of a row; near its end, where `room` bytes are left, only those that are there. */
INLINE __m128i load(const uint8_t *row, int64_t at, int64_t room) {
    if (room >= 16) return _mm_loadu_si128((const __m128i *)(row + at));
    uint8_t bytes[16] = {0};
    if (room > 0) COPY(bytes, row + at, (size_t)room);
    return _mm_loadu_si128((const __m128i *)bytes);
}

INLINE vector load_two(const uint8_t *one, const uint8_t *two, int64_t at, int64_t room) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load(one, at, room)), load(two, at, room), 1);
}

/* Return a mask for pshufb that makes each 32-bit lane of each half two bytes of it, as 16-bit numbers. */
#define PAIR(first, second) (int)(0x80008000u | (unsigned)(first) | (unsigned)(second) << 16)
#define NONE (int)0x80808080u
INLINE vector lanes(int a, int b, int c, int d) { return _mm256_setr_epi32(a, b, c, d, a, b, c, d); }

/* Make an entry of 16 bytes of each row, of the pixel that begins at byte `p` and the next one, at byte `q`. */
INLINE void make_entry(const vector *rows, int channels, int p, int q, vector *entry) {
    if (channels == 4) {
        const vector four = lanes(PAIR(p, q), PAIR(p + 1, q + 1), PAIR(p + 2, q + 2), PAIR(p + 3, q + 3));
        for (int v = 0; v < 4; v++) entry[v] = _mm256_shuffle_epi8(rows[v], four);
    } else if (channels == 3) {
        const vector three = lanes(PAIR(p, q), PAIR(p + 1, q + 1), PAIR(p + 2, q + 2), NONE);
        vector last = _mm256_shuffle_epi8(rows[3], three);
        entry[0] = _mm256_blend_epi32(_mm256_shuffle_epi8(rows[0], three), _mm256_shuffle_epi32(last, 0x00), 0x88);
        entry[1] = _mm256_blend_epi32(_mm256_shuffle_epi8(rows[1], three), _mm256_shuffle_epi32(last, 0x55), 0x88);
        entry[2] = _mm256_blend_epi32(_mm256_shuffle_epi8(rows[2], three), _mm256_shuffle_epi32(last, 0xaa), 0x88);
    } else {
        const vector one = lanes(PAIR(p, q), PAIR(p + 1, q + 1), NONE, NONE);
        const vector two = lanes(NONE, NONE, PAIR(p, q), PAIR(p + 1, q + 1));
        for (int v = 0; v < 2; v++)
            entry[v] = _mm256_or_si256(_mm256_shuffle_epi8(rows[2 * v], one), _mm256_shuffle_epi8(rows[2 * v + 1], two));
    }
}

/* How many entries 16 bytes of a row make. */
INLINE int entries_at_once(int channels, int pixel, int aligned) {
    return channels == 1 ? 8 : channels == 2 || (pixel == 3 && !aligned) ? 4 : 2;
}

/* Make eight entries of 8 rows of one channel, of 16 pixels: a transposed 8 x 8 of pairs of bytes. */
INLINE void gather_eight(const uint8_t *const *rows, int64_t at, int64_t room, vector *entry, int step) {
    __m128i a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = load(rows[i], at, room);
    for (int i = 0; i < 4; i++) {
        b[i] = _mm_unpacklo_epi16(a[2 * i], a[2 * i + 1]);
        b[i + 4] = _mm_unpackhi_epi16(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) { /* 0, 1 of the first four pairs; 2, 3 of the last */
        a[2 * i] = _mm_unpacklo_epi32(b[2 * i], b[2 * i + 1]);
        a[2 * i + 1] = _mm_unpackhi_epi32(b[2 * i], b[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            __m128i low = _mm_unpacklo_epi64(a[4 * i + k], a[4 * i + 2 + k]);
            __m128i high = _mm_unpackhi_epi64(a[4 * i + k], a[4 * i + 2 + k]);
            entry[(4 * i + 2 * k) * step] = _mm256_cvtepu8_epi16(low);
            entry[(4 * i + 2 * k + 1) * step] = _mm256_cvtepu8_epi16(high);
        }
}

/* Make the entries that 16 bytes of each row from pixel `x` on give; `room` bytes are there, or all if it is 17. */
INLINE void gather_some(
    const uint8_t *const *rows, int channels, int pixel, int aligned, int64_t x, int64_t room, vector *entry
) {
    const int vectors = VECTORS[channels], step = aligned ? 2 * pixel : pixel;
    if (channels == 1) {
        for (int v = 0; v < 2; v++) { /* for each eight rows */
            gather_eight(rows + 8 * v, x, room, entry + v, aligned ? 2 : 4);
            if (!aligned) gather_eight(rows + 8 * v, x + 1, room - 1, entry + 2 + v, 4);
        }
        return;
    }
    vector two[4];
    for (int v = 0; v < 4; v++) two[v] = load_two(rows[v], rows[v + 4], x * pixel, room);
    for (int i = 0; i < entries_at_once(channels, pixel, aligned); i++)
        make_entry(two, channels, i * step, i * step + pixel, entry + i * vectors);
}

/* Make the entries of pixels [from, to): of (0, 1), (2, 3), ... if aligned, else of (0, 1), (1, 2), ... */
INLINE void gather_by(const strip *s, int channels, int pixel, int aligned, int from, int to, vector *entry) {
    const uint8_t *rows[ROWS]; /* own, so that they stay in registers */
    for (int i = 0; i < (channels == 1 ? 16 : 8); i++) rows[i] = s->rows[i];
    const int together = entries_at_once(channels, pixel, aligned) * (channels == 1 && !aligned ? 2 : 1);
    const int each = aligned ? 2 * together : together, read = channels == 1 ? 17 : (16 + pixel - 1) / pixel;
    int x = from, safe = s->width - read < to ? s->width - read : to;
    for (; x < safe; x += each, entry += together * VECTORS[channels])
        gather_some(rows, channels, pixel, aligned, x, 17, entry);
    for (; x < to; x += each, entry += together * VECTORS[channels])
        gather_some(rows, channels, pixel, aligned, x, (int64_t)(s->width - x) * pixel - (pixel - channels), entry);
}

/* A function of its own, so that its loops have all registers: 5 %. */
__attribute__((target("avx2"), noinline)) static void gather(
    const strip *s, int aligned, int from, int to, vector *entry
) {
    switch (2 * s->channels + aligned) {
    case 2: gather_by(s, 1, 1, 0, from, to, entry); return;
    case 3: gather_by(s, 1, 1, 1, from, to, entry); return;
    case 4: gather_by(s, 2, 2, 0, from, to, entry); return;
    case 5: gather_by(s, 2, 2, 1, from, to, entry); return;
    case 8: gather_by(s, 4, 4, 0, from, to, entry); return;
    case 9: gather_by(s, 4, 4, 1, from, to, entry); return;
    }
    switch (2 * (int)s->pixel + aligned) {
    case 6: gather_by(s, 3, 3, 0, from, to, entry); return;
    case 7: gather_by(s, 3, 3, 1, from, to, entry); return;
    case 8: gather_by(s, 3, 4, 0, from, to, entry); return;
    case 9: gather_by(s, 3, 4, 1, from, to, entry); return;
    }
}

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

/* Add a pair of taps to sums by the lower and the upper half of the weights. */
INLINE void add_pair(const vector *entry, const pair *weights, int vectors, vector *low, vector *high) {
    const vector lower = _mm256_set1_epi32(weights->low), upper = _mm256_set1_epi32(weights->high);
    for (int v = 0; v < vectors; v++) {
        vector samples = entry[v];
        __asm__("" : "+x"(samples)); /* loaded once: two products that each load it take a third longer */
        low[v] = _mm256_add_epi32(low[v], _mm256_madd_epi16(samples, lower));
        high[v] = _mm256_add_epi32(high[v], _mm256_madd_epi16(samples, upper));
    }
}

/* Return the lanes' levels, not yet clipped: the sums over `count` pairs, rounded. */
INLINE void multiply(const vector *entry, int64_t step, const pair *weights, int count, int vectors, vector *levels) {
    vector low[4], high[4];
    for (int v = 0; v < vectors; v++) {
        low[v] = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1));
        high[v] = _mm256_setzero_si256();
    }
    UNROLL
    for (int k = 0; k < count; k++, entry += step) add_pair(entry, weights++, vectors, low, high);
    for (int v = 0; v < vectors; v++)
        levels[v] = _mm256_srai_epi32(_mm256_add_epi32(low[v], _mm256_slli_epi32(high[v], 16)), WEIGHT_BITS);
}

INLINE void store(uint8_t *dst, __m128i bytes) { _mm_storeu_si128((__m128i *)dst, bytes); }
INLINE void store_8(uint8_t *dst, __m128i bytes) { _mm_storel_epi64((__m128i *)dst, bytes); }
INLINE __m128i half(vector v, int h) { return h ? _mm256_extracti128_si256(v, 1) : _mm256_castsi256_si128(v); }

/* Store four pixels of all rows; quads[v] holds for each half the four lanes of the first pixel, then the others'. */
INLINE void scatter(vector *quads, int channels, int x, uint8_t *const *dst) {
    const vector turned = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9, 13,
                                           2, 6, 10, 14, 3, 7, 11, 15);
    const vector halved = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0, 1, 4, 5, 8, 9, 12, 13,
                                           2, 3, 6, 7, 10, 11, 14, 15);
    const vector packed = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15, 0, 1, 2, 4, 5, 6, 8, 9, 10,
                                           12, 13, 14, 3, 7, 11, 15);
    const vector mixed = _mm256_setr_epi8(0, 1, 12, 2, 3, 13, 4, 5, 14, 6, 7, 15, -1, -1, -1, -1, 0, 1, 12, 2, 3, 13, 4, 5,
                                          14, 6, 7, 15, -1, -1, -1, -1);
    if (channels == 4)
        for (int v = 0; v < 4; v++)
            for (int h = 0; h < 2; h++) store(dst[v + 4 * h] + 4 * x, half(quads[v], h));
    else if (channels == 3) {
        for (int v = 0; v < 3; v++) quads[v] = _mm256_shuffle_epi8(quads[v], packed);
        vector last = _mm256_unpackhi_epi64(_mm256_unpackhi_epi8(quads[0], quads[1]), quads[2]);
        last = _mm256_shuffle_epi8(last, mixed);
        for (int h = 0; h < 2; h++) {
            for (int v = 0; v < 3; v++) store(dst[v + 4 * h] + 3 * x, half(quads[v], h));
            store(dst[3 + 4 * h] + 3 * x, half(last, h));
        }
    } else if (channels == 2)
        for (int v = 0; v < 2; v++) {
            vector rows = _mm256_shuffle_epi8(quads[v], halved);
            for (int h = 0; h < 2; h++) {
                store_8(dst[2 * v + 4 * h] + 2 * x, half(rows, h));
                store_8(dst[2 * v + 1 + 4 * h] + 2 * x, _mm_unpackhi_epi64(half(rows, h), half(rows, h)));
            }
        }
    else
        for (int v = 0; v < 2; v++) {
            vector rows = _mm256_shuffle_epi8(quads[v], turned);
            for (int h = 0; h < 2; h++) {
                uint32_t four[4];
                store((uint8_t *)four, half(rows, h));
                for (int i = 0; i < 4; i++) COPY(dst[8 * v + 4 * h + i] + x, &four[i], 4);
            }
        }
}

/* Make four pixels of the result, from line `x` on; beyond `to` the last one stands for them. */
INLINE void make_four(
    const vector *entries, int begin, const axis *a, int aligned, int count, int channels, int x, int to, int from,
    uint8_t *const *dst
) {
    const int vectors = VECTORS[channels];
    int64_t step = aligned ? vectors : 2 * vectors;
    if (aligned) __asm__("" : "+r"(step)); /* a distance that compilers do not know makes shorter instructions: 5 % */
    vector levels[4][4], quads[4];
    for (int i = 0; i < 4; i++) {
        int line = x + i < to ? x + i : to - 1, first = axis_first(a)[line] - begin;
        const vector *entry = entries + (aligned ? first / 2 : first) * vectors;
        multiply(entry, step, axis_pairs(a, line), aligned ? axis_count(a)[line] : count, vectors, levels[i]);
    }
    for (int v = 0; v < vectors; v++)
        quads[v] = _mm256_packus_epi16(
            _mm256_packs_epi32(levels[0][v], levels[1][v]), _mm256_packs_epi32(levels[2][v], levels[3][v])
        );
    scatter(quads, channels, x - from, dst);
}

INLINE void across_by(
    const strip *s, int channels, const axis *a, int aligned, int count, int from, int to, uint8_t *const *dst,
    uint8_t *chunk
) {
    vector *entries = (vector *)chunk;
    int lines = chunk_lines(a), room = lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED;
    if (!aligned) room /= 2;
    for (int x = from; x < to;) {
        int begin = axis_first(a)[x], stop = x + 4 < to ? x + 4 : to;
        while (stop < to && axis_first(a)[(stop + 4 < to ? stop + 4 : to) - 1] + a->span - begin <= room - 16)
            stop = stop + 4 < to ? stop + 4 : to;
        int end = axis_first(a)[stop - 1] + a->span;
        gather(s, aligned, begin, end, entries);
        for (int ahead = end; x < stop; x += 4) {
            if (is_far(s))
                ahead = prefetch(s, ahead, end + axis_first(a)[x + 4 < stop ? x + 4 : stop - 1] - begin);
            make_four(entries, begin, a, aligned, count, channels, x, stop, from, dst);
        }
        x = stop;
    }
}

/* Loops over few pairs are unrolled, each for its number of them. */
INLINE void across(
    const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk
) {
    int count = a->span / 2;
    if (a->aligned) {
        across_by(s, channels, a, 1, count, from, to, dst, chunk);
        return;
    }
    switch (count) {
    case 1: across_by(s, channels, a, 0, 1, from, to, dst, chunk); return;
    case 2: across_by(s, channels, a, 0, 2, from, to, dst, chunk); return;
    case 3: across_by(s, channels, a, 0, 3, from, to, dst, chunk); return;
    default: across_by(s, channels, a, 0, count, from, to, dst, chunk);
    }
}

LEVEL void avx2_across_8(const strip *given, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    uint8_t *rows[ROWS];
    strip s = filled(given, dst, rows);
    switch (s.channels) {
    case 1: across(&s, 1, a, from, to, rows, chunk); return;
    case 2: across(&s, 2, a, from, to, rows, chunk); return;
    case 3: across(&s, 3, a, from, to, rows, chunk); return;
    default: across(&s, 4, a, from, to, rows, chunk);
    }
}
#endif
