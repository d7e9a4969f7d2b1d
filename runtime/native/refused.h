// How the reader and the session refuse: they throw a code and a sentence, which dyadic.h's functions turn into theirs.
#ifndef DYADIC_REFUSED_H
#define DYADIC_REFUSED_H

#include <stdint.h>

#include <string>

#include "dyadic.h"

namespace dyadic {

struct Refused {
    int code;
    std::string sentence;
};

// As printf, to a string of any length.
std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

// "between 1 and 4 names": what stands in a list, with commas between, each in quotes.
template <class List> std::string listed(const List &names, const char *quote = "'") {
    std::string all;
    for (const std::string &name : names)
        all += (all.empty() ? "" : ", ") + (quote + name) + quote;
    return all;
}

// The text without what a terminal would obey: names in files of strangers may hold anything.
std::string printable(const std::string &sentence);

} // namespace dyadic

#endif
