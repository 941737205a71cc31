/* Preloaded into a process, this sets its clock: CLOCK_REALTIME is off by as many ns as the file F2O_CLOCK holds, for
   who reads it and for who waits until an instant of it. The machine's own clock and CLOCK_MONOTONIC stay as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define S 1000000000LL
#define WALL(t) ((t)->tv_sec > S) /* later than 2001: an instant of CLOCK_REALTIME, no monotonic one */

static volatile long long *off;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("F2O_CLOCK");
  int file = path ? open(path, O_RDONLY) : -1;
  void *at = file < 0 ? MAP_FAILED : mmap(0, sizeof *off, PROT_READ, MAP_SHARED, file, 0);
  off = at == MAP_FAILED ? 0 : at;
}

static struct timespec shifted(const struct timespec *t, int sign) {
  long long ns = t->tv_sec * S + t->tv_nsec + (off ? sign * *off : 0);
  return (struct timespec){ns / S, ns % S};
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int status = real(clock, now);
  if (clock == CLOCK_REALTIME && !status) *now = shifted(now, 1);
  return status;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
  static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec at = WALL(until) ? shifted(until, -1) : *until;
  return real(cond, mutex, &at);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
  static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
  struct timespec at = WALL(until) ? shifted(until, -1) : *until;
  return real(cond, mutex, clock, &at);
}

int sem_timedwait(sem_t *sem, const struct timespec *until) {
  static int (*real)(sem_t *, const struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec at = WALL(until) ? shifted(until, -1) : *until;
  return real(sem, &at);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until) {
  static int (*real)(pthread_mutex_t *, const struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  struct timespec at = WALL(until) ? shifted(until, -1) : *until;
  return real(mutex, &at);
}
