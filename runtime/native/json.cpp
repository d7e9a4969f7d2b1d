// Reads JSON by yyjson, which checks UTF-8 and numbers and does not recurse.
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "third_party/yyjson/yyjson.h"

namespace dyadic {
namespace {

const char *const LATER[] = {"given", "tokens", "padding", "last", "batch_axis", "fixed", "mark"};

bool came_later(std::string_view name) {
    for (const char *later : LATER)
        if (name == later)
            return true;
    return false;
}

std::string_view view(yyjson_val *text) { return {yyjson_get_str(text), yyjson_get_len(text)}; }

// A number that yyjson leaves as text, since it is beyond 64 bits.
std::string_view digits(yyjson_val *value) { return {yyjson_get_raw(value), yyjson_get_len(value)}; }

bool is_large_whole(yyjson_val *value) {
    return yyjson_is_raw(value) && digits(value).find_first_of(".eE") == std::string_view::npos;
}

std::string first_80(const std::string &all) { return all.substr(0, 80); }

} // namespace

std::string Where::text() const {
    const std::string before = outer ? outer->text() : "";
    if (!name)
        return before + dyadic::text("[%lld]", (long long)index);
    return before.empty() ? name : before + "." + name;
}

Refused wrong(const Where &where, const std::string &saw, const std::string &expected) {
    return {DYADIC_ARTIFACT, "the artifact's " + where.text() + " is " + first_80(saw) + ", expected " + expected};
}

static std::string shown_wide(Wide value) {
    return value > INT64_MAX ? "too large" : value < INT64_MIN ? "too small" : std::to_string((int64_t)value);
}

void check_between(Wide value, Wide low, Wide high, const Where &where) {
    if (value < low || value > high)
        throw wrong(where, shown_wide(value), "between " + shown_wide(low) + " and " + shown_wide(high));
}

void check_multiple(int64_t value, int64_t of, const Where &where) {
    if (value % of)
        throw wrong(where, std::to_string(value), "a multiple of " + std::to_string(of));
}

std::string Json::shown() const {
    if (yyjson_is_str(value_))
        return "'" + std::string(view(value_)) + "'";
    if (yyjson_is_raw(value_))
        return std::string(digits(value_));
    if (yyjson_is_uint(value_))
        return std::to_string(yyjson_get_uint(value_));
    if (yyjson_is_sint(value_))
        return std::to_string(yyjson_get_sint(value_));
    if (yyjson_is_real(value_))
        return dyadic::text("%g", yyjson_get_real(value_));
    if (yyjson_is_bool(value_))
        return yyjson_get_bool(value_) ? "true" : "false";
    if (yyjson_is_obj(value_)) {
        std::string names;
        for (const auto &field : record())
            names += (names.empty() ? "" : ", ") + field.first;
        return "{" + names + "}";
    }
    return yyjson_is_arr(value_) ? dyadic::text("a list of %zu", yyjson_arr_size(value_)) : "null";
}

bool Json::is_text() const { return yyjson_is_str(value_); }
bool Json::is_whole() const { return yyjson_is_int(value_) || is_large_whole(value_); }
bool Json::is_list() const { return yyjson_is_arr(value_); }
bool Json::is_record() const { return yyjson_is_obj(value_); }

std::string Json::text() const {
    if (!is_text())
        throw wrong(where_, shown(), "of type str");
    return std::string(view(value_));
}

Wide Json::wide() const {
    if (yyjson_is_uint(value_))
        return yyjson_get_uint(value_);
    if (yyjson_is_sint(value_))
        return yyjson_get_sint(value_);
    if (is_large_whole(value_))
        return (digits(value_)[0] == '-' ? -1 : 1) * ((Wide)1 << 100);
    throw wrong(where_, shown(), "of type int");
}

int64_t Json::whole() const {
    const Wide value = wide();
    return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

bool Json::truth() const {
    if (!yyjson_is_bool(value_))
        throw wrong(where_, shown(), "of type bool");
    return yyjson_get_bool(value_);
}

double Json::number() const {
    if (yyjson_is_real(value_))
        return yyjson_get_real(value_);
    if (yyjson_is_int(value_))
        return yyjson_is_uint(value_) ? (double)yyjson_get_uint(value_) : (double)yyjson_get_sint(value_);
    if (is_large_whole(value_)) // without a point or an exponent, so that no locale matters
        return strtod(std::string(digits(value_)).c_str(), nullptr);
    if (yyjson_is_raw(value_))
        return INFINITY;
    throw wrong(where_, shown(), "a number");
}

std::vector<yyjson_val *> Json::list(size_t fewest, size_t most, const char *fields) const {
    const size_t count = yyjson_arr_size(value_);
    if (!is_list() || count < fewest || count > most)
        throw wrong(where_, shown(), fields);
    std::vector<yyjson_val *> entries;
    entries.reserve(count);
    size_t i, n;
    yyjson_val *entry;
    yyjson_arr_foreach(value_, i, n, entry) entries.push_back(entry);
    return entries;
}

std::vector<std::pair<std::string, yyjson_val *>> Json::record(const char *what) const {
    if (!is_record())
        throw wrong(where_, shown(), what);
    std::vector<std::pair<std::string, yyjson_val *>> fields;
    size_t i, n;
    yyjson_val *name, *value;
    yyjson_obj_foreach(value_, i, n, name, value) fields.emplace_back(view(name), value);
    return fields;
}

Fields::Fields(const Json &record, std::initializer_list<const char *> names)
    : record_(record), names_(names), values_(names.size()) {
    std::string expected = "the fields ";
    for (const char *name : names_)
        expected += (name == names_[0] ? "" : ", ") + std::string(name);
    for (const auto &field : record_.record(expected.c_str())) {
        size_t at = 0;
        while (at < names_.size() && field.first != names_[at])
            at++;
        if (at < names_.size())
            values_[at] = field.second;
        else if (!came_later(field.first))
            throw wrong(record_.where(), record_.shown(), expected);
    }
    for (size_t i = 0; i < names_.size(); i++)
        if (!values_[i] && !came_later(names_[i]))
            throw wrong(record_.where(), record_.shown(), expected);
}

Document::Document(const uint8_t *text, size_t bytes, const char *what) {
    yyjson_read_err error;
    char *start = reinterpret_cast<char *>(const_cast<uint8_t *>(text)); // read only, without YYJSON_READ_INSITU
    doc_ = yyjson_read_opts(start, bytes, YYJSON_READ_BIGNUM_AS_RAW, nullptr, &error);
    if (doc_)
        return;
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        throw Refused{DYADIC_RESOURCE, dyadic::text("no memory for its %s of %zu bytes", what, bytes)};
    throw Refused{DYADIC_ARTIFACT, dyadic::text("its %s is not JSON (%s at byte %zu)", what, error.msg, error.pos)};
}

Document::~Document() { yyjson_doc_free(doc_); }

yyjson_val *Document::root() const { return yyjson_doc_get_root(doc_); }

} // namespace dyadic
