// Where the elements of a tensor lie in memory, and how boundary.cpp walks them: runtime/layout.py in C++.
#ifndef DYADIC_LAYOUT_H
#define DYADIC_LAYOUT_H

#include <stdint.h>

#include <vector>

#include "program.h"

namespace dyadic {

// Rows of pixels of channels. Inside, strides are bytes and a channel's is 1; outside, where the user's tensor is dense,
// they are elements, and channels or pixels follow each other.
struct Rows {
    int64_t height, width, channels, row, pixel, from_row, from_pixel, from_channel, top, left, bottom, right;
};

// The dimensions of a tensor behind the batch as boundary.cpp walks them. whole: the sizes of the user's dense array.
// Returns nullptr, or what its order in memory, which cannot be walked, should be.
const char *rows_of(const std::vector<int64_t> &sizes, const Layout &layout, const std::vector<int64_t> &whole,
                    Rows *rows);

} // namespace dyadic

#endif
