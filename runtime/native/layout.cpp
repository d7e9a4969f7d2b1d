// The dimensions of a tensor, joined until boundary.cpp can walk them: runtime/layout.py in C++, step by step.
#include "layout.h"

#include <algorithm>

namespace dyadic {
namespace {

struct Dimension {
    Wide inside, outside;
    int64_t size;
    Margin margin;
    bool has_margin() const { return margin.before || margin.after; }
};

// The innermost two that are one on both sides made one.
bool join(std::vector<Dimension> &dims) {
    for (size_t i = dims.size() - 1; i > 0; i--) {
        const Dimension &outer = dims[i - 1];
        Dimension &inner = dims[i];
        const bool steps = outer.inside == inner.inside * inner.size && outer.outside == inner.outside * inner.size;
        if (steps && !outer.has_margin() && !inner.has_margin()) {
            inner.size *= outer.size;
            dims.erase(dims.begin() + (i - 1));
            return true;
        }
    }
    return false;
}

} // namespace

const char *rows_of(const std::vector<int64_t> &sizes, const Layout &layout, const std::vector<int64_t> &whole,
                    Rows *rows) {
    std::vector<Dimension> dims;
    Wide outside = 1;
    for (size_t d = sizes.size(); d-- > 0;) {
        const Dimension one{layout.strides[d], outside, sizes[d], layout.halo.empty() ? Margin{} : layout.halo[d]};
        if (one.size > 1 || one.has_margin())
            dims.push_back(one);
        outside *= whole[d];
    }
    std::reverse(dims.begin(), dims.end());
    std::stable_sort(dims.begin(), dims.end(),
                     [](const Dimension &a, const Dimension &b) { return a.inside > b.inside; });
    bool apart = !dims.empty(); // one channel among others of the user's array
    for (const Dimension &d : dims)
        apart = apart && d.outside != 1;
    if (apart || dims.empty() || dims.back().inside != 1 || dims.back().has_margin())
        dims.push_back({1, apart, 1, {}});
    while (dims.size() > 3)
        if (!join(dims))
            return "at most three dimensions apart";
    const size_t real = dims.size();
    dims.insert(dims.begin(), 3 - real, Dimension{0, 0, 1, {}});
    Dimension &row = dims[0], &pixel = dims[1];
    const Dimension &channel = dims[2];
    if (real < 2)
        pixel.inside = channel.size;
    if (real < 3)
        row.inside = pixel.inside * (pixel.margin.before + pixel.size + pixel.margin.after);
    if (pixel.inside < channel.size)
        return "pixels that do not overlap";
    const Wide columns = pixel.margin.before + pixel.margin.after + pixel.size - 1;
    if (row.size + row.margin.before + row.margin.after > 1 && row.inside < columns * pixel.inside + channel.size)
        return "rows that do not overlap";
    if (channel.outside != 1 && pixel.outside != 1 && (channel.size > 1 || pixel.size > 1))
        return "an order in which channels or pixels are together outside, too";
    *rows = {row.size,
             pixel.size,
             channel.size,
             (int64_t)row.inside,
             (int64_t)pixel.inside,
             (int64_t)row.outside,
             (int64_t)pixel.outside,
             (int64_t)channel.outside,
             row.margin.before,
             pixel.margin.before,
             row.margin.after,
             pixel.margin.after};
    return nullptr;
}

} // namespace dyadic
