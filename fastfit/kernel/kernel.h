/* What the files of the kernel share: the job that Python describes, the weights of an axis, the levels. */
#ifndef FASTFIT_KERNEL_H
#define FASTFIT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#define X86_64
#elif defined(__aarch64__) || defined(_M_ARM64)
#define ARM64
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define COPY __builtin_memcpy /* in place if the size is known; else memory.c has it */

enum { WEIGHT_BITS = 22 }; /* of Pillow's integer weights */
enum { ROWS = 16 };        /* the most rows that a pass across works on at once */
enum { PADDING = 32 };     /* bytes behind a row that a pass across may write over */

/* Python names them in library.py. */
enum level_number { PORTABLE, AVX2, AVX512, NEON, DOTPROD };

enum dtype { UINT8, UINT16, FLOAT32, FLOAT16 };

/* How an axis is resampled. The arrays follow in the same block of memory: first, count, weights. */
typedef struct {
    int32_t lines;   /* of the result */
    int32_t units;   /* room for so many units of weights a line */
    int32_t each;    /* taps of a unit: 1, a double; 2, a pair of integers; 4, a quad of them */
    int32_t aligned; /* whether all windows begin at multiples of `each` */
    int32_t start;   /* input lines from here ... */
    int32_t stop;    /* ... to here are read */
    int32_t span;    /* the most input lines that a line reads; all read so many in passes across that are not aligned */
    int32_t unused;
} axis;

/* A pair of integer weights of 22 bits: w = high * 65536 + low, both halves signed; the first tap's in the lower
   16 bits. */
typedef struct {
    int32_t low, high;
} pair;

/* Four integer weights as digits: w = digits[0] + 256 digits[1] + 65536 digits[2], each of 8 bits with a sign; the first
   tap's are the lowest. This holds all |w| < 127 * 65536, 1.98 in units of weights; the largest is 1.3. */
typedef struct {
    int32_t digits[3];
    int32_t sum; /* of the line's weights: what they make of samples of 1 */
} quad;

static inline const int32_t *axis_first(const axis *a) { return (const int32_t *)(a + 1); }
static inline const int32_t *axis_count(const axis *a) { return axis_first(a) + a->lines; }
static inline const void *axis_weights(const axis *a) { return axis_count(a) + a->lines; }
static inline const pair *axis_pairs(const axis *a, int line) {
    return (const pair *)axis_weights(a) + (int64_t)line * a->units;
}
static inline const double *axis_doubles(const axis *a, int line) {
    return (const double *)axis_weights(a) + (int64_t)line * a->units;
}
static inline const quad *axis_quads(const axis *a, int line) {
    return (const quad *)axis_weights(a) + (int64_t)line * a->units;
}
static inline int axis_taps(const axis *a, int line) { return axis_count(a)[line] * a->each; }
static inline int pair_weight(pair p, int which) {
    return (int32_t)((uint32_t)p.high >> 16 * which << 16) + (int16_t)((uint32_t)p.low >> 16 * which);
}
static inline int quad_weight(quad q, int which) {
    int total = 0;
    for (int i = 2; i >= 0; i--) total = total * 256 + (int8_t)((uint32_t)q.digits[i] >> 8 * which);
    return total;
}
/* The weight of a tap, of pairs or quads. */
static inline int axis_weight(const axis *a, int line, int tap) {
    if (a->each == 2) return pair_weight(axis_pairs(a, line)[tap / 2], tap & 1);
    return quad_weight(axis_quads(a, line)[tap / 4], tap & 3);
}

/* One image to fit. All strides are in bytes and of any sign. */
typedef struct {
    const uint8_t *src; /* the first sample of the source */
    int64_t src_row, src_pixel;
    uint8_t *out; /* the first sample of the result */
    int64_t out_row, out_pixel, out_channel;
    const axis *across, *down; /* NULL: the source's columns from left, or rows from top, as they are */
    const void *table;         /* 8 bits: what each level becomes, 256 for each channel; NULL: itself */
    const double *affine;      /* others: scale, means, divisors; NULL: nothing */
    int32_t left, top, width, height;
    int32_t src_width;
    int32_t channels; /* of a pixel of src_pixel bytes the first so many */
    int32_t dtype, out_dtype;
    int32_t height_first;
    int32_t premultiply, unpremultiply; /* by the last channel, on the way in and out */
    int32_t rounded; /* whether floats stand for 16 bits: they are whole before they are scaled */
    float hidden;    /* floats: colors under no more alpha than this become 0 */
} job;

_Static_assert(sizeof(void *) == 8 && sizeof(job) == 144, "native.py packs jobs of 144 bytes");

/* Rows that a pass across reads: pixels from 0 to `width`, `pixel` bytes apart, of each the first `channels` samples. */
typedef struct {
    const uint8_t *rows[ROWS];
    int32_t count, width, channels;
    int64_t pixel;
} strip;

/* A pass across makes pixels [from, to) of the result, packed, of each row; it may write PADDING bytes behind them.
   Only the portable level takes more than 4 channels, and axes of more than MOST_CHUNKED lines of a chunk.
   A pass down makes one row of `n` samples; `rows` are those that its line reads, for pairs and quads of a multiple of their taps.
   `chunk` is working memory of `chunk_bytes`. */
typedef void across_pass(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk);
typedef void down_pass(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk);

typedef void premultiplier(const uint8_t *row, int64_t pixels, int channels, uint8_t *dst);
typedef void unpremultiplier(uint8_t *row, int64_t pixels, int channels);

typedef struct {
    across_pass *across[3]; /* by the dtype of their input */
    down_pass *down[3];
    premultiplier *premultiply;
    unpremultiplier *unpremultiply;
    int rows; /* that the pass across of 8 bits takes at once; ROWS of one channel */
    int each; /* weights of 8 bits: 2, pairs; 4, quads */
} level;

extern const level portable_level;
const level *level_at(int number);

across_pass portable_across_8, portable_across_16, portable_across_float;
down_pass portable_down_8, portable_down_16, portable_down_float;
across_pass avx2_across_8, avx2_across_16, avx2_across_float, avx512_across_8, neon_across_8, dotprod_across_8;
down_pass avx2_down_8, avx2_down_16, avx2_down_float, avx512_down_8, neon_down_8, dotprod_down_8;
void premultiply_wide(const uint8_t *row, int dtype, int64_t pixels, int channels, float *dst);
void unpremultiply_wide(float *row, int64_t pixels, int channels, float hidden);
premultiplier premultiply, avx2_premultiply, neon_premultiply;
unpremultiplier unpremultiply, avx2_unpremultiply, neon_unpremultiply;

/* Passes across work on chunks of input lines, which stay in the first-level cache if groups of four lines of the result
   read so few; if they read more than the most, they work sample by sample. Levels that make eight lines at once have
   entries of a third of CHUNK_LINE_BYTES a line, at most. */
enum { LEAST_CHUNKED = 512, MOST_CHUNKED = 8192, CHUNK_LINE_BYTES = 192 };
int64_t chunk_bytes(const axis *a);
int chunk_lines(const axis *a);

/* Whether pixels of the result lie side by side as those of a row do, of samples of so many bytes. */
static inline int is_packed(const job *j, int64_t pixel, int64_t bytes) {
    int samples = j->channels == 1 || j->out_channel == bytes, pixels = j->width == 1 || j->out_pixel == pixel;
    return pixel == j->channels * bytes && samples && pixels;
}

/* Copy a strip and the rows of its result; rows that are not there are the last one once more. */
__attribute__((always_inline)) static inline strip filled(const strip *given, uint8_t *const *dst, uint8_t **all) {
    strip s = *given;
    for (int i = 0; i < ROWS; i++) {
        int row = i < s.count ? i : s.count - 1;
        s.rows[i] = given->rows[row];
        all[i] = dst[row];
    }
    return s;
}

enum { CACHED = 8192 }; /* bytes of a row: images of shorter ones are in some cache; prefetching them costs 3 % */

static inline int is_far(const strip *s) { return s->width * s->pixel > CACHED; }

/* Ask for pixels [from, to) of all rows, which the next chunk reads; return how far they were asked for. */
__attribute__((always_inline)) static inline int prefetch(const strip *s, int from, int to) {
    if (to > s->width) to = s->width;
    for (; from < to; from += 64 / (int)s->pixel)
        for (int i = 0; i < s->count; i++) __builtin_prefetch(s->rows[i] + from * s->pixel);
    return from;
}

void finish_row(const job *j, const level *l, int dtype, uint8_t *row, int64_t pixel, int from, int to, int y);

/* What the library exports; Python declares the same in library.py. */
EXPORT const char *fastfit_source(void);
EXPORT const char *fastfit_compiler(void);
EXPORT int fastfit_levels(void);
EXPORT int64_t fastfit_axis(
    int filter, int each, int down, int n_in, int n_out, double low, double high, int from, int to, void *block
);
EXPORT int fastfit_each(int level_number);
EXPORT int64_t fastfit_work(const job *jobs, int count, int level_number);
EXPORT void fastfit_fit(const job *jobs, int count, int level_number, uint8_t *memory);
EXPORT void fastfit_reduce(
    const uint8_t *src, int64_t src_row, int width, int height, int channels, int dtype, int fx, int fy, int weighted,
    int level_number, uint8_t *out, void *memory
);

#endif
