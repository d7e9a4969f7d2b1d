// Functions of whole rows in float64, and rankings. The rows go along one dimension of an array.
#include "last_function.h"

#include <math.h>

#include <algorithm>
#include <numeric>

namespace dyadic {
namespace {

struct Rows3 { // the dimensions before the axis, the axis, those behind it
    int64_t outer = 1, along = 1, inner = 1;
};

Rows3 rows_along(const std::vector<int64_t> &sizes, int64_t axis) {
    Rows3 rows;
    for (int64_t d = 0; d < (int64_t)sizes.size(); d++)
        (d < axis ? rows.outer : d == axis ? rows.along : rows.inner) *= sizes[d];
    return rows;
}

// The sum as numpy has it: pairwise where numbers follow each other, else one after the other.
double sum(const double *x, int64_t n, bool pairwise) {
    if (!pairwise || n < 8) {
        double all = pairwise ? -0.0 : 0.0;
        for (int64_t i = 0; i < n; i++)
            all += x[i];
        return all;
    }
    if (n > 128) {
        const int64_t half = n / 2 - n / 2 % 8;
        return sum(x, half, true) + sum(x + half, n - half, true);
    }
    double r[8];
    std::copy(x, x + 8, r);
    int64_t i = 8;
    for (; i < n - n % 8; i += 8)
        for (int j = 0; j < 8; j++)
            r[j] += x[i + j];
    double all = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++)
        all += x[i];
    return all;
}

void row_function(const std::string &name, std::vector<double> &x, bool pairwise) {
    if (name == "sigmoid") {
        for (double &v : x) {
            const double e = exp(-fabs(v));
            v = (v < 0 ? e : 1) / (1 + e);
        }
        return;
    }
    const auto largest = std::max_element(x.begin(), x.end());
    if (name == "hardmax") {
        const int64_t place = largest - x.begin();
        std::fill(x.begin(), x.end(), 0.0);
        x[place] = 1;
        return;
    }
    const double most = *largest;
    std::vector<double> powers(x.size());
    for (size_t i = 0; i < x.size(); i++)
        powers[i] = exp(x[i] -= most);
    const double all = sum(powers.data(), powers.size(), pairwise);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = name == "softmax" ? powers[i] / all : x[i] - log(all);
}

} // namespace

void apply_function(const LastFunction &function, const std::vector<int64_t> &sizes, float *x) {
    const Rows3 rows = rows_along(sizes, function.axis);
    std::vector<double> row(rows.along);
    for (int64_t o = 0; o < rows.outer; o++)
        for (int64_t i = 0; i < rows.inner; i++) {
            float *first = x + o * rows.along * rows.inner + i;
            for (int64_t a = 0; a < rows.along; a++)
                row[a] = first[a * rows.inner];
            row_function(function.name, row, rows.inner == 1);
            for (int64_t a = 0; a < rows.along; a++)
                first[a * rows.inner] = (float)row[a];
        }
}

std::vector<double> ranked(const LastFunction &function, const std::vector<int64_t> &sizes, const float *x) {
    const Rows3 rows = rows_along(sizes, function.axis);
    const bool smallest = function.name.find("smallest") != std::string::npos;
    const bool places = function.name.find("place") != std::string::npos;
    const bool last = function.name.compare(0, 5, "last_") == 0;
    std::vector<double> made(rows.outer * function.entries * rows.inner);
    std::vector<int64_t> order(rows.along);
    for (int64_t o = 0; o < rows.outer; o++)
        for (int64_t i = 0; i < rows.inner; i++) {
            const float *first = x + o * rows.along * rows.inner + i;
            const auto before = [&](int64_t a, int64_t b) {
                const float one = first[a * rows.inner], other = first[b * rows.inner];
                if (one != other)
                    return smallest ? one < other : one > other;
                return last ? a > b : a < b;
            };
            std::iota(order.begin(), order.end(), 0);
            std::partial_sort(order.begin(), order.begin() + function.entries, order.end(), before);
            for (int64_t e = 0; e < function.entries; e++)
                made[(o * function.entries + e) * rows.inner + i] =
                    places ? (double)order[e] : (double)first[order[e] * rows.inner];
        }
    return made;
}

} // namespace dyadic
