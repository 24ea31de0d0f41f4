"""How long what is kept: a class of data for as long as the city says, a person's until it is to go."""
