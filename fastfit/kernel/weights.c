/* The weights of an axis, as Pillow 13 computes them: in double, in its order of operations, rounded to 22 bits. */
#include "kernel.h"

#define PI 3.14159265358979323846
#define HALF_PI_HIGH 1.57079632673412561417e+00 /* the first 33 bits of pi / 2 */
#define HALF_PI_LOW 6.07710050650619224932e-11

enum filter { BOX, BILINEAR, HAMMING, BICUBIC, LANCZOS, MKS2013, MKS2021, FILTERS };
static const double SUPPORT[FILTERS] = {0.5, 1.0, 1.0, 2.0, 3.0, 2.5, 4.5};
/* Lines of so few taps have pairs that begin anywhere, and all the same number of them: that is worth more than the second
   half of the entries which a pass across makes for it. */
enum { MOST_OVERLAPPING = 9 };

/* Taylor series within pi / 4, to half a unit in the last place. Own, so that no library is needed. */
static void sine_cosine(double x, double *sine, double *cosine) {
    int64_t quarter = (int64_t)(x / (PI / 2) + (x < 0 ? -0.5 : 0.5));
    double r = (x - (double)quarter * HALF_PI_HIGH) - (double)quarter * HALF_PI_LOW, q = r * r;
    double s = r + r * q * (-1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 + q * (-1.0 / 39916800
        + q * (1.0 / 6227020800.0 + q * (-1.0 / 1307674368000.0)))))));
    double c = 1 + q * (-0.5 + q * (1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800
        + q * (1.0 / 479001600.0 + q * (-1.0 / 87178291200.0 + q * (1.0 / 20922789888000.0))))))));
    *sine = quarter & 1 ? c : s;
    *cosine = quarter & 1 ? s : c;
    if (quarter & 2) *sine = -*sine;
    if ((quarter + 1) & 2) *cosine = -*cosine;
}

static double hamming(double x) { /* Pillow's constants are C floats */
    double sine, cosine;
    if (x == 0) return 1;
    if (x >= 1) return 0;
    sine_cosine(x * PI, &sine, &cosine);
    return sine / (x * PI) * (0.54f + 0.46f * cosine);
}

static double bicubic(double x) { /* Keys' cubic, a = -0.5 */
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

static double mks2013(double x) { /* John Costella's Magic Kernel Sharp */
    if (x < 0.5) return 1.0625 - x * x * 1.75;
    if (x < 1.5) return (1 - x) * (1.75 - x);
    return x < 2.5 ? (x - 2.5) * (x - 2.5) * -0.125 : 0;
}

static double mks2021(double x) {
    if (x < 0.5) return 577.0 / 576 - x * x * (239.0 / 144);
    if (x < 1.5) return (x - 1) * (35.0 / 36) * (x - 239.0 / 140);
    if (x < 2.5) return (x - 2) * (1.0 / 6) * (65.0 / 24 - x);
    if (x < 3.5) return (x - 3) * (1.0 / 36) * (x - 3.75);
    return x < 4.5 ? (x - 4.5) * (x - 4.5) * (-1.0 / 288) : 0;
}

static double filtered(int filter, double x) {
    double distance = x < 0 ? -x : x;
    switch (filter) {
    case BOX: return x > -0.5 && x <= 0.5;
    case BILINEAR: return distance < 1 ? 1 - distance : 0;
    case HAMMING: return hamming(distance);
    case BICUBIC: return bicubic(distance);
    case MKS2013: return mks2013(distance);
    default: return mks2021(distance);
    }
}

/* sinc(x) sinc(x / 3) = (sin t / t)^2 (1 - 4/3 sin^2 t) with t = pi x / 3, and sin(a + b) = sin a cos b + cos a sin b:
   two sines a line instead of two a tap. Equal to Pillow's in 22 bits in a sweep of millions. */
static void lanczos_line(double a, double step, const double *turns, int count, double *w) {
    double sine, cosine;
    sine_cosine(a, &sine, &cosine);
    for (int i = 0; i < count; i++) {
        double t = a + step * i, s = sine * turns[2 * i] + cosine * turns[2 * i + 1];
        double near = t < 1e-6 && t > -1e-6 ? 1.0 : 0.0; /* there sin t / t is 1 to the last bit */
        double ratio = (s + near) / (t + near);
        ratio = near != 0 ? 1.0 : ratio;
        w[i] = t >= -PI && t < PI ? ratio * ratio * (1 - 4.0 / 3 * (s * s)) : 0.0;
    }
}

typedef struct {
    double low, scale, widening, support;
    int taps;
} shape;

static shape shape_of(int filter, int n_out, double low, double high) {
    float extent = (float)high - (float)low;
    shape s = {(float)low, (double)extent / n_out, 1.0, 0, 0};
    if (s.scale > 1) s.widening = s.scale;
    s.support = SUPPORT[filter] * s.widening;
    s.taps = (int)s.support;
    s.taps = (s.taps + (s.taps < s.support)) * 2 + 1;
    return s;
}

static void normalize(double *w, int count) {
    double total = 0;
    for (int i = 0; i < count; i++) total += w[i];
    if (total == 0) return;
    for (int i = 0; i < count; i++) w[i] /= total;
}

/* Round weights as Pillow does, halves away from 0, and put them in pairs; the first tap may be a pair's second, and
   pairs behind the last tap are 0. */
static void pack_pairs(const double *w, int count, int odd, pair *pairs, int room) {
    for (int i = 0; i < room; i++) {
        int32_t low = 0, high = 0;
        for (int half = 0; half < 2; half++) {
            int tap = 2 * i + half - odd;
            if (tap < 0 || tap >= count) continue;
            double scaled = w[tap] * (1 << WEIGHT_BITS);
            int32_t whole = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
            int32_t upper = (whole + 32768) >> 16;
            low |= (int32_t)((uint32_t)(uint16_t)(whole - upper * 65536) << 16 * half);
            high |= (int32_t)((uint32_t)(uint16_t)upper << 16 * half);
        }
        pairs[i] = (pair){low, high};
    }
}

/* Compute lines [from, to) of the `n_out` that show [low, high) of `n_in` input lines; of doubles, or of integers.

   Return the bytes that they take in `block`, which begins at a multiple of 8; NULL only asks. */
EXPORT int64_t fastfit_axis(
    int filter, int doubles, int n_in, int n_out, double low, double high, int from, int to, void *block
) {
    shape s = shape_of(filter, n_out, low, high);
    int lines = to - from, most = s.taps < n_in ? s.taps : n_in, aligned = !doubles && most > MOST_OVERLAPPING;
    int taps = doubles ? most : most / 2 + 1;
    int64_t bytes = (int64_t)sizeof(axis) + 8 * (int64_t)lines + 8 * (int64_t)lines * taps;
    if (!block) return bytes + 24 * (int64_t)s.taps; /* with room for a line and the turns while it works */
    axis *a = block;
    *a = (axis){lines, taps, n_in, 0, aligned, 1};
    int32_t *first = (int32_t *)(a + 1), *counts = first + lines;
    double *line = (double *)((uint8_t *)block + bytes), *turns = line + s.taps;
    double unit = 1.0 / s.widening, step = unit * PI / 3;
    if (filter == LANCZOS)
        for (int i = 0; i < s.taps; i++) sine_cosine(step * i, &turns[2 * i + 1], &turns[2 * i]);
    for (int i = 0; i < lines; i++) {
        double center = s.low + (from + i + 0.5) * s.scale;
        int begin = (int)(center - s.support + 0.5), end = (int)(center + s.support + 0.5);
        if (begin < 0) begin = 0;
        if (end > n_in) end = n_in;
        int count = end - begin, odd = aligned && (begin & 1);
        if (filter == LANCZOS)
            lanczos_line((begin - center + 0.5) * step, step, turns, count, line);
        else
            for (int tap = 0; tap < count; tap++) line[tap] = filtered(filter, (tap + begin - center + 0.5) * unit);
        normalize(line, count);
        first[i] = begin - odd;
        if (doubles) {
            double *own = (double *)(counts + lines) + (int64_t)i * taps;
            for (int tap = 0; tap < count; tap++) own[tap] = line[tap];
            if (count > a->span) a->span = count;
        } else {
            pack_pairs(line, count, odd, (pair *)(counts + lines) + (int64_t)i * taps, taps);
            if (count + odd > a->span) a->span = count + odd;
        }
        counts[i] = count + odd;
        if (first[i] < a->start) a->start = first[i];
        if (end > a->stop) a->stop = end;
    }
    if (!doubles) {
        a->span = (a->span + 1) / 2 * 2;
        for (int i = 0; i < lines; i++) counts[i] = aligned ? (counts[i] + 1) / 2 : a->span / 2;
    }
    return bytes;
}
