import QuireTensors

// How each layout packs the codes of some rows, and the values of FP8.
extension EncodedMatrix {
  private func words(_ contents: Contents) -> PackedWords {
    PackedWords(contents.required(layout.codesName).bytes, bits: bits)
  }

  func awqCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = words(contents)
    // The eight rows of a word together, so that writing goes along the rows.
    for block in range.lowerBound / 8..<(range.upperBound + 7) / 8 {
      let blockRows = (block * 8..<block * 8 + 8).clamped(to: range)
      for column in 0..<columns {
        let word = column * (rows / 8) + block
        for row in blockRows {
          codes.pointer[(row - range.lowerBound) * columns + column] = source.value(
            word: word, at: awqPositions[row % 8])
        }
      }
    }
  }

  func gptqCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = words(contents)
    let count = source.countPerWord
    for block in 0..<columns / count {
      for row in range {
        let target = codes.pointer + (row - range.lowerBound) * columns + block * count
        for position in 0..<count { target[position] = source.value(word: block * rows + row, at: position) }
      }
    }
  }

  func packedCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = words(contents)
    let count = source.countPerWord
    let width = (columns + count - 1) / count
    for row in range {
      let target = codes.pointer + (row - range.lowerBound) * columns
      for column in 0..<columns {
        target[column] = source.value(word: row * width + column / count, at: column % count)
      }
    }
  }

  func integerCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = contents.required("weight").bytes.baseAddress.map { $0 + range.lowerBound * columns }
    for index in 0..<range.count * columns {
      // Signed to unsigned: −128 is 0.
      codes.pointer[index] = (source?.load(fromByteOffset: index, as: UInt8.self) ?? 128) ^ 0x80
    }
  }

  func floats(_ range: Range<Int>, _ contents: Contents) -> HostBuffer<Float> {
    let codes = contents.required("weight").bytes
    let values = HostBuffer<Float>(count: range.count * columns)
    let scales = scales(range, contents)
    let width = columnsPerScale
    for row in 0..<range.count {
      let source = (range.lowerBound + row) * columns
      for column in 0..<columns {
        values.pointer[row * columns + column] =
          Float8.values[Int(codes[source + column])] * scales[row * groupCount + column / width]
      }
    }
    return values
  }
}
