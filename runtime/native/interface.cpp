// What is checked of inputs, outputs and scalars, whatever the target is: runtime/interface.py in C++.
#include <algorithm>
#include <set>

#include "program.h"

namespace dyadic {
namespace {

const int64_t MAX_SCALAR_COUNT = 16;
const char *const FUNCTIONS[] = {"", "log_softmax", "softmax", "sigmoid", "hardmax"};
const char *const ANSWERED[] = {"",       "int64",  "int32",  "int16", "int8",
                                "uint64", "uint32", "uint16", "uint8", "bool"};

template <class List> bool among(const std::string &name, const List &names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

void check_different(const Where &where, const std::vector<std::string> &names) {
    if (std::set<std::string>(names.begin(), names.end()).size() != names.size())
        throw wrong(where, listed(names), "different names");
}

void check_shape(const Port &port, const Where &tensor) {
    const Where where{&tensor, "shape", 0};
    if (port.shape.empty() || port.shape[0] != BATCH)
        throw wrong(where, "another", "'N' and then numbers");
    for (size_t d = 1; d < port.shape.size(); d++) {
        if (port.shape[d] == BATCH || port.shape[d] == OTHER_NAME)
            throw wrong(where, "another", "'N' and then numbers");
        check_between(port.shape[d], 1, (int64_t)1 << 31, where);
    }
}

// What a model does last fits the array that it does it to.
void check_last(const Port &output, const Where &where) {
    const LastFunction &last = output.last;
    const std::vector<int64_t> sizes = output.array();
    const Where axis{&where, "last.axis", 0}, entries{&where, "last.entries", 0}, shape{&where, "last.shape", 0};
    check_between(last.axis, last.ranks(), sizes.size(), axis);
    if (!last.ranks())
        return;
    check_between(last.entries, 1, sizes[last.axis - 1], entries);
    for (const int64_t size : last.shape)
        check_between(size, 1, LIMIT, shape);
    std::vector<int64_t> others = sizes;
    others[last.axis - 1] = last.entries;
    if (product(last.shape, shape) != product(others, shape))
        throw wrong(shape, "another", "a shape of " + std::to_string(product(others, shape)) + " entries");
    if (output.tokens)
        throw wrong({&where, "tokens", 0}, std::to_string(output.tokens), "0, since entries are ranked");
}

bool overlap(const Port &one, const Port &other) {
    for (size_t d = 0; d < one.start.size(); d++)
        if (one.start[d] >= other.start[d] + other.shape[d + 1] || other.start[d] >= one.start[d] + one.shape[d + 1])
            return false;
    return true;
}

// All parts are of one array, which they fill and do not leave; none covers another.
void check_parts(const std::vector<const Port *> &parts, const Where &where) {
    const Port &first = *parts[0];
    if (!among(first.last.name, FUNCTIONS) && !first.last.ranks())
        throw wrong({&where, "last", 0}, "'" + first.last.name + "'", "a function that there is");
    for (const Port *part : parts) {
        if (!(part->last == first.last))
            throw wrong({&where, "last", 0}, "another", "the same for all parts");
        if (part->given != first.given || !among(part->given, ANSWERED))
            throw wrong({&where, "given", 0}, "'" + part->given + "'", "a type that there is, for all parts");
    }
    const Where whole{&where, "whole", 0}, start{&where, "start", 0};
    if (first.whole.empty()) {
        if (parts.size() > 1 || !first.start.empty())
            throw wrong(where, "several", "one output of that name, or parts of a whole");
    }
    for (const Port *part : parts) {
        if (part->whole != first.whole)
            throw wrong(whole, "another", "the same for all parts");
        if (first.whole.empty())
            continue;
        if (part->start.size() != first.whole.size() || part->shape.size() != first.whole.size() + 1)
            throw wrong(whole, "another", "a start in it, as the other parts have");
        if (part->is_wide() != first.is_wide())
            throw wrong({&where, "layout.plane", 0}, std::to_string(part->layout.plane), "one width for all parts");
        for (size_t d = 0; d < part->start.size(); d++)
            check_between(part->start[d], 0, (Wide)first.whole[d] - part->shape[d + 1], start);
    }
    check_last(first, where);
    check_between(first.batch_axis, 0, first.answer().size(), {&where, "batch_axis", 0});
    if (first.whole.empty())
        return;
    Wide filled = 0;
    for (size_t i = 0; i < parts.size(); i++) {
        for (size_t j = 0; j < i; j++)
            if (overlap(*parts[i], *parts[j]))
                throw wrong(start, "taken", "a place that no other part has");
        filled += product(parts[i]->sizes(), where);
    }
    if (filled != product(first.whole, whole))
        throw wrong(where, "another", "a shape that its parts fill");
}

} // namespace

int64_t product(const std::vector<int64_t> &sizes, const Where &where) {
    Wide all = 1;
    for (const int64_t size : sizes) {
        all *= size;
        check_between(all, 0, (int64_t)1 << 62, where);
    }
    return (int64_t)all;
}

void check_interface(const CpuProgram &program) {
    const Where root{nullptr, "program", 0}, inputs{&root, "inputs", 0}, outputs{&root, "outputs", 0};
    const Where scalars{&root, "scalars", 0};
    if (program.inputs.empty() || program.outputs.empty())
        throw wrong(program.inputs.empty() ? inputs : outputs, "[]", "at least one");
    std::vector<std::string> names;
    std::set<int64_t> lengths;
    for (const auto *ports : {&program.inputs, &program.outputs}) {
        Where where{ports == &program.inputs ? &inputs : &outputs, nullptr, 0};
        for (const Port &port : *ports) {
            check_shape(port, where);
            check_between(port.tokens, 0, port.shape.size() - 1, {&where, "tokens", 0});
            if (port.tokens)
                lengths.insert(port.shape[port.tokens]);
            if (!among(port.fixed, (const char *[]){"", "one", "none"}) ||
                port.fixed.empty() != program.inputs[0].fixed.empty())
                throw wrong({&where, "fixed", 0}, "'" + port.fixed + "'", "one of '', 'one' and 'none', alike for all");
            where.index++;
        }
    }
    if (lengths.size() > 1)
        throw wrong(inputs, "of several lengths", "as many tokens everywhere");
    for (const Port &input : program.inputs)
        names.push_back(input.name);
    check_different(inputs, names);
    names.clear();
    Where where{&outputs, nullptr, 0};
    for (const auto &parts : program.results()) {
        check_parts(parts, where);
        names.push_back(parts[0]->name);
        where.index++;
    }
    check_different(outputs, names);
    names.clear();
    for (const Scalar &scalar : program.scalars) {
        names.push_back(scalar.name);
        check_between(scalar.low, INT64_MIN, INT64_MAX, scalars);
        check_between(scalar.high, scalar.low, INT64_MAX, scalars);
    }
    check_different(scalars, names);
    check_between(program.scalars.size(), 0, MAX_SCALAR_COUNT, scalars);
}

void check_alike(const CpuProgram &longest, const CpuProgram &other) {
    const Where root{nullptr, "program", 0};
    const auto differ = [&](const char *what) { return wrong({&root, what, 0}, "another", "as of the other lengths"); };
    for (const auto ports : {&CpuProgram::inputs, &CpuProgram::outputs}) {
        const auto &one = longest.*ports, &two = other.*ports;
        const char *what = ports == &CpuProgram::inputs ? "inputs" : "outputs";
        if (one.size() != two.size())
            throw differ(what);
        for (size_t i = 0; i < one.size(); i++) {
            std::vector<int64_t> shape = two[i].shape;
            if (shape.size() != one[i].shape.size())
                throw differ(what);
            if (one[i].tokens)
                shape[one[i].tokens] = one[i].shape[one[i].tokens];
            const bool same = one[i].name == two[i].name && one[i].dtype == two[i].dtype &&
                              one[i].given == two[i].given && one[i].fixed == two[i].fixed &&
                              one[i].tokens == two[i].tokens && one[i].batch_axis == two[i].batch_axis &&
                              one[i].is_wide() == two[i].is_wide() && one[i].last == two[i].last &&
                              one[i].whole.size() == two[i].whole.size() && shape == one[i].shape;
            if (!same)
                throw differ(what);
        }
    }
    if (longest.scalars.size() != other.scalars.size())
        throw differ("scalars");
}

} // namespace dyadic
