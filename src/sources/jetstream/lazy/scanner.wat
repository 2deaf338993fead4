;; Matches a message with a shape (scanner.ts), sixteen bytes at a time. `npm run scanner:build`
;; makes scanner-wasm.ts of it, and spec/sources/jetstream/scanner.spec.ts checks that it did.
;;
;; Memory: the slots (from 0), where the strings end (at 1016), the strings (from 1024, to 3840),
;; the shapes (from 4096), the text (from 65536), with bytes to spare that a load may touch, and the
;; lines of a chunk (from 393216).
;;
;; A shape is a row of steps. A step is 16 bytes: its kind, and a number; only a literal has more.
;;   0 end      white space, and nothing else, up to the end of the text
;;   1 literal  so many bytes; behind it, for each 16 of them, 16 bytes and their mask
;;   2 string   printable ASCII without an escape, up to its quote: it is copied behind the last
;;              string, and from and to are put into this slot
;;   3 number   up to 16 digits, the first not 0: its value is put into this slot
;;   4 object   balanced and at most 64 levels deep (content-bounds.ts), up to the brace that closes
;;              it: from and to are put into this slot
;;   5 span     as a string, without a copy: from and to in the text are put into this slot
;; A slot is 8 bytes: two i32, or one f64.
(module
  (memory (export "memory") 11)

  (func $isSpace (param $byte i32) (result i32)
    (i32.or
      (i32.or (i32.eq (local.get $byte) (i32.const 32)) (i32.eq (local.get $byte) (i32.const 10)))
      (i32.or (i32.eq (local.get $byte) (i32.const 13)) (i32.eq (local.get $byte) (i32.const 9)))))

  ;; Where the digits at $at end; their value goes into the slot at $slot.
  (func $digits (param $at i32) (param $slot i32) (result i32)
    (local $digit i32) (local $value i64)
    (block $done
      (loop $next
        (br_if $done
          (i32.gt_u (local.tee $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
            (i32.const 9)))
        (local.set $value
          (i64.add (i64.mul (local.get $value) (i64.const 10))
            (i64.extend_i32_u (local.get $digit))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (f64.store (local.get $slot) (f64.convert_i64_u (local.get $value)))
    (local.get $at))

  ;; Where the object at $at ends, behind its brace, or 0. Thirty-two bytes at a time, a bit for
  ;; each of them.
  (func $object (param $at i32) (param $end i32) (result i32)
    (local $low v128) (local $high v128) (local $stop i32) (local $byte i32)
    (local $strings i32) (local $inString i32) (local $braces i32) (local $brace i32)
    (local $depth i32)
    (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 123)) (then (return (i32.const 0))))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 0))))
      (local.set $low (v128.load (local.get $at)))
      (local.set $high (v128.load offset=16 (local.get $at)))
      (if (v128.any_true
            (v128.or
              (i8x16.eq (local.get $low) (i8x16.splat (i32.const 92)))
              (i8x16.eq (local.get $high) (i8x16.splat (i32.const 92)))))
        (then
          ;; With an escape among them, byte by byte.
          (local.set $stop (i32.add (local.get $at) (i32.const 32)))
          (loop $more
            (local.set $byte (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (if (i32.eq (local.get $byte) (i32.const 34))
              (then (local.set $inString (i32.xor (local.get $inString) (i32.const -1))))
              (else
                (if (local.get $inString)
                  (then
                    (local.set $at
                      (i32.add (local.get $at) (i32.eq (local.get $byte) (i32.const 92)))))
                  (else
                    (local.set $byte (i32.or (local.get $byte) (i32.const 32)))
                    (local.set $depth
                      (i32.add (local.get $depth)
                        (i32.sub (i32.eq (local.get $byte) (i32.const 123))
                          (i32.eq (local.get $byte) (i32.const 125)))))
                    (if (i32.gt_u (local.get $depth) (i32.const 64)) (then (return (i32.const 0))))
                    (if (i32.eqz (local.get $depth))
                      (then
                        (return
                          (select (local.get $at) (i32.const 0)
                            (i32.le_u (local.get $at) (local.get $end))))))))))
            (br_if $more (i32.lt_u (local.get $at) (local.get $stop))))
          (br $next)))
      ;; From a quote on all bits are turned, up to the next one: what is set then is in a string.
      (local.set $strings
        (i32.or
          (i8x16.bitmask (i8x16.eq (local.get $low) (i8x16.splat (i32.const 34))))
          (i32.shl (i8x16.bitmask (i8x16.eq (local.get $high) (i8x16.splat (i32.const 34))))
            (i32.const 16))))
      (local.set $strings
        (i32.xor (local.get $strings) (i32.shl (local.get $strings) (i32.const 1))))
      (local.set $strings
        (i32.xor (local.get $strings) (i32.shl (local.get $strings) (i32.const 2))))
      (local.set $strings
        (i32.xor (local.get $strings) (i32.shl (local.get $strings) (i32.const 4))))
      (local.set $strings
        (i32.xor (local.get $strings) (i32.shl (local.get $strings) (i32.const 8))))
      (local.set $strings
        (i32.xor (local.get $strings) (i32.shl (local.get $strings) (i32.const 16))))
      (local.set $strings (i32.xor (local.get $strings) (local.get $inString)))
      (local.set $inString (i32.shr_s (local.get $strings) (i32.const 31)))
      ;; With the bit 32, a bracket is a brace; nothing else becomes one.
      (local.set $low (v128.or (local.get $low) (i8x16.splat (i32.const 32))))
      (local.set $high (v128.or (local.get $high) (i8x16.splat (i32.const 32))))
      (local.set $braces
        (i32.or
          (i8x16.bitmask
            (v128.or
              (i8x16.eq (local.get $low) (i8x16.splat (i32.const 123)))
              (i8x16.eq (local.get $low) (i8x16.splat (i32.const 125)))))
          (i32.shl
            (i8x16.bitmask
              (v128.or
                (i8x16.eq (local.get $high) (i8x16.splat (i32.const 123)))
                (i8x16.eq (local.get $high) (i8x16.splat (i32.const 125)))))
            (i32.const 16))))
      (local.set $braces
        (i32.and (local.get $braces) (i32.xor (local.get $strings) (i32.const -1))))
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $braces)))
          (local.set $brace (i32.add (local.get $at) (i32.ctz (local.get $braces))))
          (local.set $braces
            (i32.and (local.get $braces) (i32.sub (local.get $braces) (i32.const 1))))
          (local.set $depth
            (i32.add (local.get $depth)
              (select (i32.const 1) (i32.const -1)
                (i32.eq (i32.or (i32.load8_u (local.get $brace)) (i32.const 32)) (i32.const 123)))))
          (if (i32.gt_u (local.get $depth) (i32.const 64)) (then (return (i32.const 0))))
          (br_if $more (local.get $depth))
          (return
            (select (i32.add (local.get $brace) (i32.const 1)) (i32.const 0)
              (i32.lt_u (local.get $brace) (local.get $end))))))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (br $next))
    (i32.const 0))

  ;; 1 for ASCII, 2 for other UTF-8 (The Unicode Standard, table 3-7), 0 for neither. What stands
  ;; before $end is ASCII, so that nothing crosses it.
  (func $encoding (param $at i32) (param $end i32) (result i32)
    (local $result i32) (local $marks i32) (local $word i32) (local $code i32)
    (local.set $result (i32.const 1))
    (block $wrong
      (loop $next
        (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $result))))
        (if (i32.eqz (local.tee $marks (i8x16.bitmask (v128.load (local.get $at)))))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br $next)))
        (local.set $at (i32.add (local.get $at) (i32.ctz (local.get $marks))))
        (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $result))))
        (local.set $result (i32.const 2))
        (loop $character
          (local.set $word (i32.load (local.get $at)))
          (if (i32.eq (i32.and (local.get $word) (i32.const 0xc0c0f0)) (i32.const 0x8080e0))
            (then
              (local.set $code
                (i32.or
                  (i32.shl (i32.and (local.get $word) (i32.const 0x0f)) (i32.const 12))
                  (i32.or
                    (i32.shr_u (i32.and (local.get $word) (i32.const 0x3f00)) (i32.const 2))
                    (i32.shr_u (i32.and (local.get $word) (i32.const 0x3f0000)) (i32.const 16)))))
              (br_if $wrong (i32.lt_u (local.get $code) (i32.const 0x800)))
              (br_if $wrong
                (i32.eq (i32.and (local.get $code) (i32.const 0xf800)) (i32.const 0xd800)))
              (local.set $at (i32.add (local.get $at) (i32.const 3))))
            (else
              (if (i32.eq (i32.and (local.get $word) (i32.const 0xc0e0)) (i32.const 0x80c0))
                (then
                  (br_if $wrong (i32.eqz (i32.and (local.get $word) (i32.const 0x1e))))
                  (local.set $at (i32.add (local.get $at) (i32.const 2))))
                (else
                  (br_if $wrong
                    (i32.ne (i32.and (local.get $word) (i32.const 0xc0c0c0f8))
                      (i32.const 0x808080f0)))
                  ;; The plane: 1 to 16.
                  (local.set $code
                    (i32.or
                      (i32.shl (i32.and (local.get $word) (i32.const 0x07)) (i32.const 2))
                      (i32.shr_u (i32.and (local.get $word) (i32.const 0x3000)) (i32.const 12))))
                  (br_if $wrong (i32.gt_u (i32.sub (local.get $code) (i32.const 1)) (i32.const 15)))
                  (local.set $at (i32.add (local.get $at) (i32.const 4)))))))
          ;; Others follow, most often.
          (br_if $character (i32.ge_u (i32.load8_u (local.get $at)) (i32.const 128))))
        (br $next)))
    (i32.const 0))

  ;; 1 where the text from $at to $end has this shape and is ASCII, 2 where it is other UTF-8, 0
  ;; where it is neither, or has another shape.
  (func (export "scan") (param $step i32) (param $at i32) (param $end i32) (result i32)
    (local $start i32) (local $number i32) (local $slot i32) (local $from i32) (local $to i32)
    (local $strings i32) (local $block v128) (local $marks i32)
    (local.set $start (local.get $at))
    (local.set $strings (i32.const 1024))
    (block $fail
      (loop $next
        (local.set $number (i32.load offset=4 (local.get $step)))
        (local.set $slot (i32.shl (local.get $number) (i32.const 3)))
        (block $span (block $object (block $digits (block $string (block $literal (block $over
          (br_table $over $literal $string $digits $object $span (i32.load (local.get $step))))

          ;; over
          (br_if $fail (i32.gt_u (local.get $at) (local.get $end)))
          (i32.store (i32.const 1016) (local.get $strings))
          (block $done
            (loop $space
              (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
              (br_if $fail (i32.eqz (call $isSpace (i32.load8_u (local.get $at)))))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $space)))
          (return (call $encoding (local.get $start) (local.get $end))))

          ;; literal
          (br_if $fail
            (i32.gt_u (local.tee $to (i32.add (local.get $at) (local.get $number)))
              (local.get $end)))
          (local.set $step (i32.add (local.get $step) (i32.const 16)))
          (loop $more
            (br_if $fail
              (v128.any_true
                (v128.and
                  (v128.load offset=16 (local.get $step))
                  (v128.xor (v128.load (local.get $step)) (v128.load (local.get $at))))))
            (local.set $step (i32.add (local.get $step) (i32.const 32)))
            (br_if $more
              (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $to))))
          (local.set $at (local.get $to))
          (br $next))

          ;; string
          (local.set $step (i32.add (local.get $step) (i32.const 16)))
          (local.set $from (local.get $at))
          (local.set $to (local.get $strings))
          (loop $more
            (br_if $fail (i32.gt_u (local.get $to) (i32.const 3840)))
            (br_if $fail (i32.ge_u (local.get $at) (local.get $end)))
            (local.set $block (v128.load (local.get $at)))
            (v128.store (local.get $to) (local.get $block))
            ;; As signed bytes, what is no ASCII lies below the space, beside the control
            ;; characters.
            (local.set $marks
              (i8x16.bitmask
                (v128.or
                  (v128.or
                    (i8x16.eq (local.get $block) (i8x16.splat (i32.const 34)))
                    (i8x16.eq (local.get $block) (i8x16.splat (i32.const 92))))
                  (i8x16.lt_s (local.get $block) (i8x16.splat (i32.const 32))))))
            (if (i32.eqz (local.get $marks))
              (then
                (local.set $at (i32.add (local.get $at) (i32.const 16)))
                (local.set $to (i32.add (local.get $to) (i32.const 16)))
                (br $more))))
          (local.set $at (i32.add (local.get $at) (i32.ctz (local.get $marks))))
          (br_if $fail (i32.ge_u (local.get $at) (local.get $end)))
          (br_if $fail (i32.ne (i32.load8_u (local.get $at)) (i32.const 34)))
          (i32.store (local.get $slot) (local.get $strings))
          (local.set $strings
            (i32.add (local.get $strings) (i32.sub (local.get $at) (local.get $from))))
          (i32.store offset=4 (local.get $slot) (local.get $strings))
          (br $next))

          ;; number
          (local.set $step (i32.add (local.get $step) (i32.const 16)))
          (local.set $from (local.get $at))
          (br_if $fail (i32.eq (i32.load8_u (local.get $at)) (i32.const 48)))
          (local.set $at (call $digits (local.get $at) (local.get $slot)))
          (br_if $fail
            (i32.gt_u (i32.sub (i32.sub (local.get $at) (local.get $from)) (i32.const 1))
              (i32.const 15)))
          (br $next))

        ;; object
        (local.set $step (i32.add (local.get $step) (i32.const 16)))
        (i32.store (local.get $slot) (local.get $at))
        (br_if $fail (i32.eqz (local.tee $at (call $object (local.get $at) (local.get $end)))))
        (i32.store offset=4 (local.get $slot) (local.get $at))
        (br $next))

        ;; span
        (local.set $step (i32.add (local.get $step) (i32.const 16)))
        (i32.store (local.get $slot) (local.get $at))
        (loop $more
          (br_if $fail (i32.ge_u (local.get $at) (local.get $end)))
          (local.set $block (v128.load (local.get $at)))
          (local.set $marks
            (i8x16.bitmask
              (v128.or
                (v128.or
                  (i8x16.eq (local.get $block) (i8x16.splat (i32.const 34)))
                  (i8x16.eq (local.get $block) (i8x16.splat (i32.const 92))))
                (i8x16.lt_s (local.get $block) (i8x16.splat (i32.const 32))))))
          (if (i32.eqz (local.get $marks))
            (then
              (local.set $at (i32.add (local.get $at) (i32.const 16)))
              (br $more))))
        (local.set $at (i32.add (local.get $at) (i32.ctz (local.get $marks))))
        (br_if $fail (i32.ge_u (local.get $at) (local.get $end)))
        (br_if $fail (i32.ne (i32.load8_u (local.get $at)) (i32.const 34)))
        (i32.store offset=4 (local.get $slot) (local.get $at))
        (br $next)))
    (i32.const 0))

  ;; Copies the text from $at to $end to $line, with a line feed behind it. A line feed in the text,
  ;; which JSON has between its tokens alone, becomes a space.
  (func (export "copy") (param $at i32) (param $end i32) (param $line i32)
    (local $block v128)
    (block $done
      (loop $more
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $block (v128.load (local.get $at)))
        (v128.store (local.get $line)
          (v128.bitselect
            (i8x16.splat (i32.const 32))
            (local.get $block)
            (i8x16.eq (local.get $block) (i8x16.splat (i32.const 10)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $line (i32.add (local.get $line) (i32.const 16)))
        (br $more)))
    (i32.store8
      (i32.sub (local.get $line) (i32.sub (local.get $at) (local.get $end)))
      (i32.const 10))))
