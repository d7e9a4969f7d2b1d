// JSON as the header has it: every value is of the type that is asked for, or refused by the place where it stands.
//
// What is accepted is what runtime/program.py accepts. Whole numbers may have any size; those beyond 64 bits are given
// as the largest or smallest that fit, which every limit refuses.
#ifndef DYADIC_JSON_H
#define DYADIC_JSON_H

#include <stdint.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "refused.h"

struct yyjson_doc;
struct yyjson_val;

namespace dyadic {

// Larger than what a file may say, for sums and products of that.
__extension__ typedef __int128 Wide;

// A place in the header, of which the name is made when it is asked for.
struct Where {
    const Where *outer = nullptr;
    const char *name = nullptr; // of a field; nullptr: an entry of a list
    int64_t index = 0;
    std::string text() const;
};

// "the artifact's program.steps[3].tiles is 0, expected between 1 and 9"
Refused wrong(const Where &where, const std::string &saw, const std::string &expected);

void check_between(Wide value, Wide low, Wide high, const Where &where);
void check_multiple(int64_t value, int64_t of, const Where &where);

class Json {
  public:
    Json(yyjson_val *value, const Where &where) : value_(value), where_(where) {}

    const Where &where() const { return where_; }
    std::string shown() const; // of a refused value
    bool is_text() const;
    bool is_whole() const;
    bool is_list() const;
    bool is_record() const;

    std::string text() const;
    Wide wide() const;
    int64_t whole() const; // those beyond 64 bits: the nearest
    bool truth() const;
    double number() const; // what is too large: infinity

    // The entries of a list of at least `fewest` and at most `most`; `fields` says in the sentence what they are.
    std::vector<yyjson_val *> list(size_t fewest = 0, size_t most = SIZE_MAX, const char *fields = "a list") const;

    // The values of a record by name; of equal names the last counts. In the order of the names, as given.
    std::vector<std::pair<std::string, yyjson_val *>> record(const char *what = "a mapping") const;

    template <class Read> auto each(Read read) const {
        std::vector<decltype(read(*this))> made;
        Where inner{&where_, nullptr, 0};
        for (yyjson_val *entry : list())
            made.push_back(read(Json(entry, inner))), inner.index++;
        return made;
    }

  private:
    yyjson_val *value_;
    const Where &where_;
};

// A record of just these fields. Fields that format 4 did not have at first may be missing.
class Fields {
  public:
    Fields(const Json &record, std::initializer_list<const char *> names);
    bool has(size_t field) const { return values_[field] != nullptr; }

    // Calls read(Json) for a field that is there.
    template <class Read> void operator()(size_t field, Read read) const {
        if (!values_[field])
            return;
        const Where inner{&record_.where(), names_[field], 0};
        read(Json(values_[field], inner));
    }

  private:
    Json record_;
    std::vector<const char *> names_;
    std::vector<yyjson_val *> values_;
};

class Document {
  public:
    Document(const uint8_t *text, size_t bytes, const char *what); // refuses what is not JSON
    ~Document();
    Document(const Document &) = delete;
    yyjson_val *root() const;

  private:
    yyjson_doc *doc_;
};

} // namespace dyadic

#endif
