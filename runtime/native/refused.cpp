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

std::string printable(const std::string &sentence) {
    std::string made;
    for (size_t i = 0; i < sentence.size(); i++) {
        const unsigned char c = sentence[i], next = i + 1 < sentence.size() ? sentence[i + 1] : 0;
        if (c < 0x20 || c == 0x7f)
            made += text("\\x%02x", c);
        else if (c == 0xc2 && next < 0xa0) // U+0080 to U+009f, which terminals obey, too
            made += text("\\x%02x", next), i++;
        else
            made += (char)c;
    }
    return made;
}

} // namespace dyadic
