"""What is done with each package. Every public function of a file is a use, and is run on its own."""
