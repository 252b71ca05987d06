/* The size of a page comes from the running machine: -DPAGE_SIZE. */
#pragma once
