# simscale_add_plugin(<name> SOURCES ...)
#
# A shared library lib<name>.so of terms for task files; one of its sources has SIMSCALE_PLUGIN.
# Nothing but that entry is visible from outside, so that plugins never meet each other's symbols, and
# whatever symbol is missing is an error of the build, not of the first run.
function(simscale_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES")
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "simscale_add_plugin(${name} ...) needs SOURCES")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE simscale::plugin)
  # The same arithmetic as the program's own terms: no fused multiply-add behind our back.
  target_compile_options(${name} PRIVATE -ffp-contract=off)
  target_link_options(${name} PRIVATE LINKER:--exclude-libs,ALL)
  if(NOT "${SIMSCALE_SANITIZE}${CMAKE_CXX_FLAGS}" MATCHES "address|undefined|thread")
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX lib
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
endfunction()
