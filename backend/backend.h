/* The one interface between the engine and a device: a C struct of functions, so that a backend can
 * be a library of its own, opened at run time. Rules:
 * - Functions return 0, or a code for which last_error() has the words, on the calling thread.
 * - Work is put on streams: in order within one, unordered between them but for events. copy and
 *   launch return at once; what they touch must live until the stream has passed it.
 * - Device pointers mean nothing on the host unless `host_readable`; a copy of kind kHostToDevice
 *   has read its source when it returns.
 * - All functions may be called from any thread, one stream from one thread at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MP_BACKEND_VERSION 1

typedef struct mp_stream mp_stream;
typedef struct mp_event mp_event;
typedef struct mp_kernel mp_kernel;

typedef enum { kHostToDevice, kDeviceToHost, kDeviceToDevice } mp_copy_kind;

/* How a kernel is called. Each argument is a pointer to its value and the value's size; a value of
 * pointer size that lies in device memory is a device pointer. */
typedef struct {
  uint32_t grid, block, shared_bytes;
  int nargs;
  const void* const* args;
  const size_t* arg_sizes;
} mp_launch;

typedef struct mp_backend {
  uint32_t version;  /* MP_BACKEND_VERSION */
  const char* name;  /* "cuda", "mock" */
  int host_readable; /* whether the host may follow device pointers */
  int (*device_count)(void);

  int (*alloc)(int device, size_t bytes, void** out); /* aligned to 256 bytes at least */
  int (*free)(int device, void* p);                   /* waits for nothing: the caller has */

  int (*stream_new)(int device, mp_stream** out);
  int (*stream_free)(mp_stream* s); /* after what is on it */
  int (*stream_sync)(mp_stream* s); /* waits; returns the failure of anything on it since */

  int (*event_record)(mp_stream* s, mp_event** out); /* a new event, reached when s gets there */
  int (*event_wait)(mp_stream* s, mp_event* e);      /* what follows on s comes after e */
  int (*event_free)(mp_event* e);

  int (*copy)(mp_stream* s, void* to, const void* from, size_t bytes, mp_copy_kind kind);

  /* A kernel from its source text: CUDA's is compiled, the mock's names a host function. */
  int (*kernel_new)(int device, const char* source, const char* name, mp_kernel** out);
  int (*launch)(mp_stream* s, mp_kernel* k, const mp_launch* how);

  const char* (*last_error)(void);
} mp_backend;

#ifdef __cplusplus
}
#endif
