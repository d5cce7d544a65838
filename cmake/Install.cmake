# What `cmake --install` puts where, by component:
#   programs      bin/simscale, libexec/simscale-torch, lib/simscale (the video encoder)
#   assets        share/simscale
#   development   what a plugin's build needs: include/, lib/libsimscale_plugin.a, lib/cmake/simscale
#   python        python/simscaleai, as in a build tree
# In a wheel (`pip install .`, scikit-build-core) all of it lies in the package simscaleai, and the
# programs find MuJoCo and LibTorch in the packages beside it.
include(GNUInstallDirs)

if(SKBUILD)
  set(SIMSCALE_INSTALL_ROOT simscaleai/)
  set(SIMSCALE_INSTALL_PYTHON simscaleai)
else()
  set(SIMSCALE_INSTALL_ROOT "")
  set(SIMSCALE_INSTALL_PYTHON python/simscaleai)
endif()

# simscale_install_rpath(<target> <up>): <up> leads from the target's folder to site-packages.
function(simscale_install_rpath target up)
  if(SKBUILD)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${up}/torch/lib:$ORIGIN/${up}/mujoco")
  else()
    get_filename_component(_mujoco "${SIMSCALE_MUJOCO_LIBRARY}" DIRECTORY)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "${SIMSCALE_TORCH_DIR}/lib;${_mujoco}")
  endif()
endfunction()

function(simscale_install_rules)
  simscale_install_rpath(simscale ../..)
  simscale_install_rpath(simscale-torch ../..)
  install(TARGETS simscale RUNTIME DESTINATION ${SIMSCALE_INSTALL_ROOT}bin COMPONENT programs)
  install(TARGETS simscale-torch RUNTIME DESTINATION ${SIMSCALE_INSTALL_ROOT}libexec COMPONENT programs)
  install(TARGETS simscale_video LIBRARY DESTINATION ${SIMSCALE_INSTALL_ROOT}lib/simscale COMPONENT programs)
  install(DIRECTORY ${SIMSCALE_SHARE} DESTINATION ${SIMSCALE_INSTALL_ROOT}share COMPONENT assets)
  if(SKBUILD)
    install(PROGRAMS python/simscale DESTINATION ${SKBUILD_SCRIPTS_DIR} COMPONENT programs)
  endif()

  # --- find_package(simscale) ---
  set(_cmake ${SIMSCALE_INSTALL_ROOT}lib/cmake/simscale)
  foreach(header IN LISTS SIMSCALE_PLUGIN_HEADERS)
    get_filename_component(_dir ${header} DIRECTORY)
    install(FILES simscale/${header} DESTINATION ${SIMSCALE_INSTALL_ROOT}include/simscale/${_dir}
            COMPONENT development)
  endforeach()
  install(TARGETS simscale_plugin EXPORT simscale
    ARCHIVE DESTINATION ${SIMSCALE_INSTALL_ROOT}lib COMPONENT development
    INCLUDES DESTINATION ${SIMSCALE_INSTALL_ROOT}include)
  install(EXPORT simscale NAMESPACE simscale:: FILE simscaleTargets.cmake DESTINATION ${_cmake}
          COMPONENT development)
  include(CMakePackageConfigHelpers)
  file(STRINGS "${SIMSCALE_MUJOCO_DIR}/include/mujoco/mujoco.h" _header REGEX "#define mjVERSION_HEADER")
  string(REGEX REPLACE ".*mjVERSION_HEADER +([0-9]+).*" "\\1" SIMSCALE_MUJOCO_HEADER "${_header}")
  if(NOT SKBUILD)
    set(SIMSCALE_MUJOCO_BUILT_WITH "${SIMSCALE_MUJOCO_DIR}")
  endif()
  configure_file(cmake/simscaleConfig.cmake.in ${CMAKE_BINARY_DIR}/cmake/simscaleConfig.cmake @ONLY)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/cmake/simscaleConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/cmake/simscaleConfig.cmake
                ${CMAKE_BINARY_DIR}/cmake/simscaleConfigVersion.cmake cmake/SimscalePlugin.cmake
          DESTINATION ${_cmake} COMPONENT development)
endfunction()
