// Sentences: made as by printf, and made harmless before anyone sees them.
#include "refused.h"

#include <stdarg.h>
#include <stdio.h>

namespace dyadic {

std::string text(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(nullptr, 0, format, arguments);
    va_end(arguments);
    std::string made(length < 0 ? 0 : length, 0);
    if (length > 0)
        vsnprintf(&made[0], made.size() + 1, format, again);
    va_end(again);
    return made;
}

// Of U+2000 to U+207f: line ends, and what turns the direction of writing around.
static bool is_invisible(unsigned char second, unsigned char third) {
    const int last = (second & 1) << 6 | (third & 0x3f);
    return (last >= 0x0b && last <= 0x0f) || (last >= 0x28 && last <= 0x2e) || (last >= 0x60 && last <= 0x6f);
}

std::string printable(const std::string &sentence) {
    std::string made;
    for (size_t i = 0; i < sentence.size(); i++) {
        const unsigned char c = sentence[i], next = i + 1 < sentence.size() ? sentence[i + 1] : 0;
        if (c < 0x20 || c == 0x7f)
            made += text("\\x%02x", c);
        else if (c == 0xc2 && next < 0xa0) // U+0080 to U+009f, which terminals obey, too
            made += text("\\x%02x", next), i++;
        else if (c == 0xe2 && (next & 0xfe) == 0x80 && i + 2 < sentence.size() && is_invisible(next, sentence[i + 2]))
            made += text("\\u20%02x", (next & 1) << 6 | (sentence[i + 2] & 0x3f)), i += 2;
        else
            made += (char)c;
    }
    return made;
}

} // namespace dyadic
