/* The pass across for 8 bits with AVX2: 8 rows at once, 16 of one channel.

   A chunk of the source is turned into entries: one for each pair of pixels, of all rows. An entry is a few vectors of
   eight 32-bit lanes; a lane is the pair (first pixel, second pixel) of one channel of one row, as 16-bit numbers. One
   pmaddwd multiplies eight such pairs by a pair of weights and adds. Weights have 22 bits, so there are two products,
   by their lower and their upper half: (upper << 16) + lower is the sum modulo 2^32, which is all that Pillow's has.

   Half h of vector v holds, of 4 channels, row v + 4h; of 3, row v + 4h and channel v of row 3 + 4h; of 2, rows
   2v + 4h and 2v + 1 + 4h; of 1, rows 4h to 4h + 3 of the v-th eight. */
#include "kernel.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#include <string.h>

#define INLINE __attribute__((target("avx2"), always_inline)) static inline
#define LEVEL __attribute__((target("avx2")))

typedef __m256i vector;

static const int VECTORS[5] = {0, 2, 2, 3, 4};

/* Load 16 bytes of a row; near its end only those that are there. */
INLINE __m128i load(const uint8_t *row, int64_t room) {
    if (room >= 16) return _mm_loadu_si128((const __m128i *)row);
    uint8_t bytes[16] = {0};
    if (room > 0) memcpy(bytes, row, (size_t)room);
    return _mm_loadu_si128((const __m128i *)bytes);
}

INLINE vector load_two(const strip *s, int row, int64_t at, int64_t room) {
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(load(s->rows[row] + at, room)), load(s->rows[row + 4] + at, room), 1
    );
}

/* Return a mask for pshufb that makes lane `lane` of each half the pair of bytes at `first` and `second`; of others 0. */
#define PAIR(first, second) (int)(0x80008000u | (unsigned)(first) | (unsigned)(second) << 16)
#define NONE (int)0x80808080u
INLINE vector lanes(int a, int b, int c, int d) { return _mm256_setr_epi32(a, b, c, d, a, b, c, d); }

INLINE void gather_4(const strip *s, int64_t at, int64_t room, vector *entry) {
    const vector mask = lanes(PAIR(0, 4), PAIR(1, 5), PAIR(2, 6), PAIR(3, 7));
    for (int v = 0; v < 4; v++) entry[v] = _mm256_shuffle_epi8(load_two(s, v, at, room), mask);
}

INLINE void gather_3(const strip *s, int p, int64_t at, int64_t room, vector *entry) {
    vector last = load_two(s, 3, at, room);
    const vector three = lanes(PAIR(0, p), PAIR(1, p + 1), PAIR(2, p + 2), NONE);
    for (int v = 0; v < 3; v++) {
        const vector one = lanes(NONE, NONE, NONE, PAIR(v, p + v));
        vector row = _mm256_shuffle_epi8(load_two(s, v, at, room), three);
        entry[v] = _mm256_or_si256(row, _mm256_shuffle_epi8(last, one));
    }
}

INLINE void gather_2(const strip *s, int64_t at, int64_t room, vector *entry) {
    const vector one = lanes(PAIR(0, 2), PAIR(1, 3), NONE, NONE), two = lanes(NONE, NONE, PAIR(0, 2), PAIR(1, 3));
    for (int v = 0; v < 2; v++)
        entry[v] = _mm256_or_si256(
            _mm256_shuffle_epi8(load_two(s, 2 * v, at, room), one),
            _mm256_shuffle_epi8(load_two(s, 2 * v + 1, at, room), two)
        );
}

/* Eight entries of 8 rows of one channel, 16 pixels: a transposed 8 x 8 of pairs of bytes. */
INLINE void gather_1(const strip *s, int row, int64_t at, int64_t room, vector *entry, int step) {
    __m128i a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = load(s->rows[row + i] + at, room);
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

/* Make the entries of pixels [from, to): of (0, 1), (2, 3), … if aligned, else of (0, 1), (1, 2), … */
INLINE void gather(const strip *s, int channels, int64_t pixel, int aligned, int from, int to, vector *entry) {
    int step = aligned ? 2 : 1;
    if (channels == 1) {
        for (int x = from; x < to; x += 8 * step) {
            int64_t room = s->width - x;
            for (int rows = 0; rows < 2; rows++) {
                if (aligned)
                    gather_1(s, 8 * rows, x, room, entry + rows, 2);
                else {
                    gather_1(s, 8 * rows, x, room, entry + rows, 4);
                    gather_1(s, 8 * rows, x + 1, room - 1, entry + rows + 2, 4);
                }
            }
            entry += aligned ? 16 : 32;
            if (!aligned) x += 8;
        }
        return;
    }
    for (int x = from; x < to; x += step, entry += VECTORS[channels]) {
        int64_t room = (s->width - x) * pixel - (pixel - channels);
        if (channels == 4)
            gather_4(s, x * pixel, room, entry);
        else if (channels == 3)
            gather_3(s, (int)pixel, x * pixel, room, entry);
        else
            gather_2(s, x * pixel, room, entry);
    }
}

/* Return the lanes' levels, not yet clipped: the sums over `count` pairs, rounded. */
INLINE void multiply(const vector *entry, int step, const pair *weights, int count, int vectors, vector *levels) {
    vector low[4], high[4];
    for (int v = 0; v < vectors; v++) {
        low[v] = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1));
        high[v] = _mm256_setzero_si256();
    }
    for (int k = 0; k < count; k++, entry += step) {
        const vector lower = _mm256_set1_epi32(weights[k].low), upper = _mm256_set1_epi32(weights[k].high);
        for (int v = 0; v < vectors; v++) {
            low[v] = _mm256_add_epi32(low[v], _mm256_madd_epi16(entry[v], lower));
            high[v] = _mm256_add_epi32(high[v], _mm256_madd_epi16(entry[v], upper));
        }
    }
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
                for (int i = 0; i < 4; i++) memcpy(dst[8 * v + 4 * h + i] + x, &four[i], 4);
            }
        }
}

/* Make four pixels of the result, from line `x` on; beyond `to` the last one stands for them. */
INLINE void make_four(
    const vector *entries, int begin, const axis *a, int count, int channels, int x, int to, int from, uint8_t *const *dst
) {
    const int vectors = VECTORS[channels], step = a->aligned ? vectors : 2 * vectors;
    vector levels[4][4], quads[4];
    for (int i = 0; i < 4; i++) {
        int line = x + i < to ? x + i : to - 1, first = axis_first(a)[line] - begin;
        const vector *entry = entries + (a->aligned ? first / 2 : first) * vectors;
        multiply(entry, step, axis_pairs(a, line), count ? count : axis_count(a)[line], vectors, levels[i]);
    }
    for (int v = 0; v < vectors; v++)
        quads[v] = _mm256_packus_epi16(
            _mm256_packs_epi32(levels[0][v], levels[1][v]), _mm256_packs_epi32(levels[2][v], levels[3][v])
        );
    scatter(quads, channels, x - from, dst);
}

INLINE int end_of(const axis *a, int line) { return axis_first(a)[line] + 2 * axis_count(a)[line]; }

/* Whether four lines have so many pairs each, few enough that loops over them are worth unrolling. */
INLINE int common_count(const axis *a, int x, int to) {
    int count = axis_count(a)[x];
    if (a->aligned || x + 4 > to) return 0;
    for (int i = 1; i < 4; i++)
        if (axis_count(a)[x + i] != count) return 0;
    return count;
}

INLINE void across(
    const strip *s, int channels, int64_t pixel, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk
) {
    vector *entries = (vector *)chunk;
    int lines = chunk_lines(a), room = lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED;
    if (!a->aligned) room /= 2;
    for (int x = from; x < to;) {
        int begin = axis_first(a)[x], stop = x + 4 < to ? x + 4 : to;
        while (stop < to && end_of(a, (stop + 4 < to ? stop + 4 : to) - 1) - begin <= room - 16)
            stop = stop + 4 < to ? stop + 4 : to;
        int end = end_of(a, stop - 1);
        for (int i = x; i < stop; i++)
            if (end_of(a, i) > end) end = end_of(a, i);
        gather(s, channels, pixel, a->aligned, begin, end, entries);
        for (; x < stop; x += 4) {
            int count = common_count(a, x, stop);
            switch (count) {
            case 1: make_four(entries, begin, a, 1, channels, x, stop, from, dst); break;
            case 2: make_four(entries, begin, a, 2, channels, x, stop, from, dst); break;
            case 3: make_four(entries, begin, a, 3, channels, x, stop, from, dst); break;
            default: make_four(entries, begin, a, 0, channels, x, stop, from, dst);
            }
        }
        x = stop;
    }
}

LEVEL void avx2_across_8(const strip *given, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    if (given->channels > 4 || chunk_lines(a) > MOST_CHUNKED) {
        portable_level.across[UINT8](given, a, from, to, dst, chunk);
        return;
    }
    strip s = *given;
    uint8_t *all[ROWS];
    for (int i = 0; i < ROWS; i++) { /* rows that are not there are the last one once more */
        int row = i < s.count ? i : s.count - 1;
        s.rows[i] = given->rows[row];
        all[i] = dst[row];
    }
    switch (s.channels) {
    case 1: across(&s, 1, 1, a, from, to, all, chunk); break;
    case 2: across(&s, 2, 2, a, from, to, all, chunk); break;
    case 3:
        if (s.pixel == 3)
            across(&s, 3, 3, a, from, to, all, chunk);
        else
            across(&s, 3, 4, a, from, to, all, chunk);
        break;
    default: across(&s, 4, 4, a, from, to, all, chunk);
    }
}
#endif
