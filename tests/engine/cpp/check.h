// What the C++ engine tests share. A failed check prints its place and ends the program.
#pragma once
#include <cstdio>
#include <cstdlib>

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: failed: %s\n", file, line, condition);
  std::abort();
}

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : check_failed(__FILE__, __LINE__, #condition))
