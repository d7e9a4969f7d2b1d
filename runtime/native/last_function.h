// What a model does last, behind the network's integers: runtime/last_function.py in C++.
#ifndef DYADIC_LAST_FUNCTION_H
#define DYADIC_LAST_FUNCTION_H

#include <stdint.h>

#include <vector>

#include "program.h"

namespace dyadic {

// Softmax, LogSoftmax, Sigmoid, Hardmax of an array of these sizes, the batch first, along `axis`, in place: computed in
// float64 and rounded once to float32.
void apply_function(const LastFunction &function, const std::vector<int64_t> &sizes, float *x);

// ArgMax, TopK: `entries` along the axis in the order of the sizes, as numbers that float64 holds exactly. What ranks
// entries compares them; of equal ones the first comes first.
std::vector<double> ranked(const LastFunction &function, const std::vector<int64_t> &sizes, const float *x);

} // namespace dyadic

#endif
