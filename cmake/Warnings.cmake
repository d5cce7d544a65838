# One interface target that carries the warning flags of every target of ours.
add_library(simscale_warnings INTERFACE)
target_compile_options(simscale_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  -Wunused -Wnull-dereference -Wno-missing-field-initializers
  $<$<BOOL:${SIMSCALE_WERROR}>:-Werror>)
