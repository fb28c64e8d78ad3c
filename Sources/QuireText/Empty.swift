// QuireText
