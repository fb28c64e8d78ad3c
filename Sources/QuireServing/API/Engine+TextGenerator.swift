package import QuireGeneration

extension Engine: TextGenerator {
  package var contextLength: Int { shape.contextLength }
}
