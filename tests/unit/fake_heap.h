/*
 * hv/heap.h on the host's allocator: every page is an allocation of its own, so that the address
 * sanitizer sees a page used after it was given back. Physical addresses are the pointers.
 */
#pragma once

#include "hv/heap.h"

extern long fake_heap_left; /* pages that may still be allocated; negative: no limit */
extern long fake_heap_used; /* pages allocated and not freed */
