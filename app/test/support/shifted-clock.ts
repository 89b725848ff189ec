// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const source = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
  const char *text = getenv("CLOCK_OFFSET_SECONDS");
  return text ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(now, zone);
  if (result == 0) now->tv_sec += offset();
  return result;
}
`;

/**
 * The environment of a program whose wall clock is off by so many seconds, as on a device without an RTC; its monotonic clock
 * is right. A library in front of libc's does it, which gcc makes in the directory given.
 */
export function shiftedClock(directory: string, offsetSeconds: number): NodeJS.ProcessEnv {
  const library = join(directory, 'shifted-clock.so');
  const code = join(directory, 'shifted-clock.c');
  writeFileSync(code, source);
  const { status, stderr } = spawnSync('gcc', ['-shared', '-fPIC', '-o', library, code, '-ldl'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`install the Debian packages gcc and libc6-dev: ${stderr}`);
  return { LD_PRELOAD: library, CLOCK_OFFSET_SECONDS: String(Math.trunc(offsetSeconds)) };
}
