/* The wall clock, moved. Loaded into each process of a test run by LD_PRELOAD (scripts/test --at): the real clock plus
 * the nanoseconds in the first eight bytes of the file MOVED_CLOCK. The monotonic clock, by which deadlines and
 * connections live, is left alone, and so is everything that waits for a span of time.
 *
 * Why not libfaketime: inside a waiting call it gives a signal handler the real time, so PostgreSQL's statement_timeout
 * and lock_timeout never come; and its releases before 2024 break time.sleep of Python 3.11 and newer.
 *
 * Without a header of the C library, so that tcc alone can compile it. For Linux on 64-bit machines. */

struct timespec { long seconds, nanoseconds; };
struct timeval { long seconds, microseconds; };

extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern int close(int);
extern void *mmap(void *, unsigned long, int, int, int, long);
extern void *dlsym(void *, const char *);

#define NEXT ((void *)-1L) /* RTLD_NEXT */
#define BILLION 1000000000L

static const volatile long *moved; /* nanoseconds */
static int (*real)(int, struct timespec *);
static const long nothing;

static int now(int clock, struct timespec *at) {
  if (!moved) {
    const char *path = getenv("MOVED_CLOCK");
    int file = path ? open(path, 0 /* O_RDONLY */) : -1;
    void *page = file < 0 ? (void *)-1L : mmap(0, 8, 1 /* PROT_READ */, 1 /* MAP_SHARED */, file, 0);
    if (file >= 0) close(file);
    real = (int (*)(int, struct timespec *))dlsym(NEXT, "clock_gettime");
    moved = page == (void *)-1L ? &nothing : (const long *)page;
  }
  int result = real(clock, at);
  if (result == 0 && (clock == 0 /* CLOCK_REALTIME */ || clock == 5 /* …_COARSE */ || clock == 11 /* CLOCK_TAI */)) {
    long sum = at->nanoseconds + *moved % BILLION;
    at->seconds += *moved / BILLION + (sum >= BILLION) - (sum < 0);
    at->nanoseconds = sum + (sum < 0) * BILLION - (sum >= BILLION) * BILLION;
  }
  return result;
}

int clock_gettime(int clock, struct timespec *at) { return now(clock, at); }

int gettimeofday(struct timeval *at, void *zone) {
  struct timespec exact;
  (void)zone;
  now(0, &exact);
  at->seconds = exact.seconds;
  at->microseconds = exact.nanoseconds / 1000;
  return 0;
}

long time(long *at) {
  struct timespec exact;
  now(0, &exact);
  if (at) *at = exact.seconds;
  return exact.seconds;
}

int timespec_get(struct timespec *at, int base) { return base == 1 && now(0, at) == 0 ? base : 0; }
