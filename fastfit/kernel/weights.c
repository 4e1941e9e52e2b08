/* The weights of an axis, as Pillow 13 computes them: in double, in its order of operations, rounded to 22 bits. */
#include "kernel.h"

#define PI 3.14159265358979323846
#define HALF_PI_HIGH 1.57079632673412561417e+00 /* the first 33 bits of pi / 2, the next 33, and the rest */
#define HALF_PI_MIDDLE 6.07710050630396597660e-11
#define HALF_PI_LAST 2.02226624879595063154e-21

enum filter { BOX, BILINEAR, HAMMING, BICUBIC, LANCZOS, MKS2013, MKS2021, FILTERS };
static const double SUPPORT[FILTERS] = {0.5, 1.0, 1.0, 2.0, 3.0, 2.5, 4.5};
/* Lines of so few taps have pairs that begin anywhere, and all the same number of them: that is worth more than the second
   half of the entries which a pass across makes for it. */
enum { MOST_OVERLAPPING = 9 };

/* Taylor series within pi / 4, to half a unit in the last place. Own, so that no library is needed. */
static void sine_cosine(double x, double *sine, double *cosine) {
    int64_t quarter = (int64_t)(x / (PI / 2) + (x < 0 ? -0.5 : 0.5));
    double r = (x - (double)quarter * HALF_PI_HIGH) - (double)quarter * HALF_PI_MIDDLE, q = r * r;
    double s = r + r * q * (-1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 + q * (-1.0 / 39916800
        + q * (1.0 / 6227020800.0 + q * (-1.0 / 1307674368000.0)))))));
    double c = 1 + q * (-0.5 + q * (1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800
        + q * (1.0 / 479001600.0 + q * (-1.0 / 87178291200.0 + q * (1.0 / 20922789888000.0))))))));
    *sine = quarter & 1 ? c : s;
    *cosine = quarter & 1 ? s : c;
    if (quarter & 2) *sine = -*sine;
    if ((quarter + 1) & 2) *cosine = -*cosine;
}

/* The rounding error of a product, by Dekker's halves of 26 bits. */
static double product_error(double a, double b, double product) {
    double t = a * 134217729.0, a1 = t - (t - a), a2 = a - a1;
    double u = b * 134217729.0, b1 = u - (u - b), b2 = b - b1;
    return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
}

/* The sine of x + quarters * pi / 2. The large terms are sums of two doubles: for 98 % of arguments the result is the
   nearest double, as a C library's nearly always is. */
static double exact_sine(double x, int quarters) {
    int64_t quarter = (int64_t)(x / (PI / 2) + (x < 0 ? -0.5 : 0.5));
    double k = (double)quarter, first = x - k * HALF_PI_HIGH, second = k * HALF_PI_MIDDLE;
    double r = first - second, rest = ((first - r) - second) - k * HALF_PI_LAST;
    double whole = r, q = r * r, error = product_error(r, r, q) + 2 * r * rest;
    quarter += quarters;
    if (quarter & 1) { /* 1 - r^2 / 2 + ... */
        double high = 1 - q / 2, low = ((1 - high) - q / 2) - error / 2;
        low += q * q * (1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800 + q * (1.0 / 479001600.0
            + q * (-1.0 / 87178291200.0 + q * (1.0 / 20922789888000.0)))))));
        whole = high + low;
    } else { /* r - r^3 / 6 + ... */
        double cube = q * r, sixth = cube / 6;
        double remainder = (cube - sixth * 6) - product_error(sixth, 6, sixth * 6) + product_error(q, r, cube) + error * r;
        double high = r - sixth, low = ((r - high) - sixth) - remainder / 6 + rest * (1 - q / 2);
        low += q * cube * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 + q * (-1.0 / 39916800
            + q * (1.0 / 6227020800.0 + q * (-1.0 / 1307674368000.0))))));
        whole = high + low;
    }
    return quarter & 2 ? -whole : whole;
}

/* Pillow's constants are C floats. */
static double hamming(double x, int exact) {
    double sine, cosine;
    if (x == 0) return 1;
    if (x >= 1) return 0;
    x *= PI;
    sine_cosine(x, &sine, &cosine);
    if (exact) sine = exact_sine(x, 0), cosine = exact_sine(x, 1);
    return sine / x * (0.54f + 0.46f * cosine);
}

static double exact_sinc(double x) {
    if (x == 0) return 1;
    x *= PI;
    return exact_sine(x, 0) / x;
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

static double filtered(int filter, double x, int exact) {
    double distance = x < 0 ? -x : x;
    switch (filter) {
    case BOX: return x > -0.5 && x <= 0.5;
    case BILINEAR: return distance < 1 ? 1 - distance : 0;
    case HAMMING: return hamming(distance, exact);
    case BICUBIC: return bicubic(distance);
    case LANCZOS: return x >= -3 && x < 3 ? exact_sinc(x) * exact_sinc(x / 3) : 0;
    case MKS2013: return mks2013(distance);
    default: return mks2021(distance);
    }
}

/* sinc(x) sinc(x / 3) = (sin t / t)^2 (1 - 4/3 sin^2 t) with t = pi x / 3, and sin(a + b) = sin a cos b + cos a sin b:
   two sines a line instead of two a tap. Off by 5e-13 at most. */
static void lanczos_line(double a, double step, const double *turns, int count, double *w) {
    double sine, cosine;
    sine_cosine(a, &sine, &cosine);
    for (int i = 0; i < count; i++) {
        double t = a + step * i, q = t * t, s = sine * turns[2 * i] + cosine * turns[2 * i + 1];
        double near = q < 1e-6 ? 1.0 : 0.0, ratio = (s + near) / (t + near); /* the sine of a small t is not exact enough */
        double square = near != 0 ? 1 - q / 3 + q * q * (2.0 / 45) : ratio * ratio;
        w[i] = t >= -PI && t < PI ? square * (1 - 4.0 / 3 * (s * s)) : 0.0;
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

/* Return a weight rounded as Pillow does, halves away from 0; set `doubtful` if it is so near to a half that errors of
   2e-11 decide. */
static int32_t rounded(double weight, int *doubtful) {
    double scaled = weight * (1 << WEIGHT_BITS);
    int32_t whole = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    double apart = scaled - whole;
    *doubtful |= apart > 0.4999 || apart < -0.4999;
    return whole;
}

static pair pair_of(const int32_t *weights) {
    int32_t high1 = (weights[0] + 32768) >> 16, high2 = (weights[1] + 32768) >> 16;
    uint32_t low = (uint16_t)weights[0] | (uint32_t)weights[1] << 16;
    return (pair){(int32_t)low, (int32_t)((uint16_t)high1 | (uint32_t)high2 << 16)};
}

static quad quad_of(const int32_t *weights) {
    quad q = {{0}, 0};
    for (int tap = 0; tap < 4; tap++)
        for (int i = 0, rest = weights[tap]; i < 3; i++) {
            int digit = (int8_t)rest;
            q.digits[i] |= (int32_t)((uint32_t)(uint8_t)digit << 8 * tap);
            rest = (rest - digit) >> 8;
        }
    return q;
}

/* Put the weights of a line in pairs or quads, of which the first taps may be none; units behind the last tap are 0.
   Return whether a weight is doubtful. */
static int pack(const double *w, int count, int lead, int each, void *units, int room) {
    int doubtful = 0;
    int32_t sum = 0;
    for (int i = 0; i < room; i++) {
        int32_t whole[4] = {0};
        for (int k = 0; k < each; k++) {
            int tap = each * i + k - lead;
            if (tap >= 0 && tap < count) whole[k] = rounded(w[tap], &doubtful);
            sum += whole[k];
        }
        if (each == 2)
            ((pair *)units)[i] = pair_of(whole);
        else
            ((quad *)units)[i] = quad_of(whole);
    }
    if (each == 4) ((quad *)units)->sum = sum;
    return doubtful;
}

/* One line of an axis: where it begins, how many taps it has, and its weights. */
typedef struct {
    double center, unit;
    int filter, begin, count;
} line;

static void weigh(const line *l, int exact, const double *turns, double *w) {
    double first = l->begin - l->center + 0.5, step = l->unit * PI / 3;
    if (l->filter == LANCZOS && !exact)
        lanczos_line(first * step, step, turns, l->count, w);
    else
        for (int tap = 0; tap < l->count; tap++)
            w[tap] = filtered(l->filter, (tap + l->begin - l->center + 0.5) * l->unit, exact);
    normalize(w, l->count);
}

/* Compute lines [from, to) of the `n_out` that show [low, high) of `n_in` input lines. `each` is the axis's own: 1 for
   floats and 16 bits, and what a level wants for 8 bits; `down` tells for which pass.

   Return the bytes that they take in `block`, which begins at a multiple of 8; NULL only asks. */
EXPORT int64_t fastfit_axis(
    int filter, int each, int down, int n_in, int n_out, double low, double high, int from, int to, void *block
) {
    shape s = shape_of(filter, n_out, low, high);
    int lines = to - from, most = s.taps < n_in ? s.taps : n_in;
    int aligned = each > 1 && !down && most > MOST_OVERLAPPING, own = each == 1 || down || aligned;
    int units = (most + (aligned ? 2 * each - 2 : each - 1)) / each, size = each == 4 ? sizeof(quad) : 8;
    int64_t bytes = (int64_t)sizeof(axis) + 8 * (int64_t)lines + (int64_t)lines * units * size;
    if (!block) return bytes + 24 * (int64_t)s.taps; /* with room for a line and the turns while it works */
    axis *a = block;
    *a = (axis){.lines = lines, .units = units, .each = each, .aligned = aligned, .start = n_in, .span = 1};
    int32_t *first = (int32_t *)(a + 1), *counts = first + lines;
    double *w = (double *)((uint8_t *)block + bytes), *turns = w + s.taps, unit = 1.0 / s.widening;
    int sines = filter == LANCZOS || filter == HAMMING;
    for (int i = 0; filter == LANCZOS && i < s.taps; i++)
        sine_cosine(unit * PI / 3 * i, &turns[2 * i + 1], &turns[2 * i]);
    for (int i = 0; i < lines; i++) {
        double center = s.low + (from + i + 0.5) * s.scale;
        int begin = (int)(center - s.support + 0.5), end = (int)(center + s.support + 0.5);
        if (begin < 0) begin = 0;
        if (end > n_in) end = n_in;
        line l = {center, unit, filter, begin, end - begin};
        int lead = aligned ? begin % each : 0;
        void *packed = (uint8_t *)(counts + lines) + (int64_t)i * units * size;
        if (each == 1)
            weigh(&l, 0, turns, packed);
        else {
            weigh(&l, 0, turns, w);
            if (pack(w, l.count, lead, each, packed, units) && sines) {
                weigh(&l, 1, turns, w);
                pack(w, l.count, lead, each, packed, units);
            }
        }
        first[i] = begin - lead;
        counts[i] = (l.count + lead + each - 1) / each;
        if (counts[i] * each > a->span) a->span = counts[i] * each;
        if (first[i] < a->start) a->start = first[i];
        if (end > a->stop) a->stop = end;
    }
    for (int i = 0; !own && i < lines; i++) counts[i] = a->span / each;
    return bytes;
}
