# One interface target that carries the warning flags of every target of ours. (-Wrestrict has a false
# positive on string concatenation in GCC 12.)
add_library(simscale_warnings INTERFACE)
target_compile_options(simscale_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  -Wunused -Wnull-dereference -Wno-missing-field-initializers -Wno-restrict
  $<$<BOOL:${SIMSCALE_WERROR}>:-Werror>)
