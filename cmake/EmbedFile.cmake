# cmake -DINPUT=file -DOUTPUT=file.c -DNAME=symbol -DHEADER=include -P EmbedFile.cmake: a file as a C array.
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR count "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],){20})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Made from ${NAME} by cmake/EmbedFile.cmake. */\n#include \"${HEADER}\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}\n};\nconst size_t ${NAME}_bytes = ${count};\n")
