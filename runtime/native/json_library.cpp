// yyjson, its reader alone, as a part of this library.
#define YYJSON_DISABLE_WRITER 1
#define YYJSON_DISABLE_UTILS 1
#define YYJSON_DISABLE_NON_STANDARD 1
#define YYJSON_DISABLE_INCR_READER 1
#include "third_party/yyjson/yyjson.c"
