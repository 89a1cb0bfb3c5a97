/* A disk that can be broken: while the file $FAULT_FLAG is there, writes below $FAULT_FOLDER fail with the number that is
   in it (5 is EIO, 28 is ENOSPC). Loaded into a process with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The error that a write to this descriptor has to end with; 0 for none. */
static int fault(int descriptor) {
    const char *flag = getenv("FAULT_FLAG"), *folder = getenv("FAULT_FOLDER");
    char link[64], path[4096], number[8] = {0};
    if (!flag || !folder) return 0;
    int file = open(flag, O_RDONLY);
    if (file < 0) return 0;
    ssize_t length = read(file, number, sizeof number - 1);
    close(file);
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t named = readlink(link, path, sizeof path - 1);
    if (length <= 0 || named <= 0) return 0;
    path[named] = 0;
    return strncmp(path, folder, strlen(folder)) == 0 ? atoi(number) : 0;
}

#define BREAKABLE(result, name, declared, given)                         \
    result name declared {                                               \
        static result (*real) declared;                                  \
        int error = fault(descriptor);                                   \
        if (!real) real = (result(*) declared)dlsym(RTLD_NEXT, #name);   \
        if (error) { errno = error; return -1; }                         \
        return real given;                                               \
    }

BREAKABLE(ssize_t, write, (int descriptor, const void *bytes, size_t count), (descriptor, bytes, count))
BREAKABLE(ssize_t, writev, (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
BREAKABLE(ssize_t, pwrite, (int descriptor, const void *bytes, size_t count, off_t at), (descriptor, bytes, count, at))
BREAKABLE(ssize_t, pwrite64, (int descriptor, const void *bytes, size_t count, off64_t at), (descriptor, bytes, count, at))
BREAKABLE(int, fsync, (int descriptor), (descriptor))
BREAKABLE(int, fdatasync, (int descriptor), (descriptor))
