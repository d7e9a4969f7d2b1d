extern "C" __attribute__((visibility("default"))) const char *dyadic_source_digest() { return DYADIC_SOURCE_DIGEST; }
