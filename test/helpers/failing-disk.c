/*
 * Makes system calls on chosen files fail with EIO, as a dying disk does. Loaded by LD_PRELOAD; the file that
 * FAILING_DISK names is shared with the test, which writes "calls|part of a path" into it, or nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *plan;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAILING_DISK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  if (shared != MAP_FAILED) plan = shared;
  close(fd);
}

static int fails_path(const char *call, const char *path) {
  char text[4096];
  memcpy(text, plan, sizeof text);
  text[sizeof text - 1] = 0;
  char *part = strchr(text, '|');
  if (!part) return 0;
  *part++ = 0;
  return strstr(text, call) && strstr(path, part);
}

static int fails(const char *call, int fd) {
  char link[64], path[4096];
  if (!plan || !plan[0]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails_path(call, path);
}

#define ON_FILE(type, name, call, parameters, arguments)                                                              \
  type name parameters {                                                                                              \
    static type(*real) parameters;                                                                                    \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                                    \
    if (fails(call, fd)) return errno = EIO, -1;                                                                      \
    return real arguments;                                                                                            \
  }

ON_FILE(ssize_t, write, "write", (int fd, const void *data, size_t size), (fd, data, size))
ON_FILE(ssize_t, writev, "write", (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FILE(ssize_t, pwrite, "write", (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
ON_FILE(ssize_t, pwrite64, "write", (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
ON_FILE(ssize_t, read, "read", (int fd, void *data, size_t size), (fd, data, size))
ON_FILE(ssize_t, pread, "read", (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
ON_FILE(ssize_t, pread64, "read", (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))
ON_FILE(int, fsync, "sync", (int fd), (fd))
ON_FILE(int, fdatasync, "sync", (int fd), (fd))

int rename(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  if (!real) real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  if (plan && plan[0] && fails_path("rename", to)) return errno = EIO, -1;
  return real(from, to);
}
